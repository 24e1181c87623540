//! The names of layers: what their parameters are called in a checkpoint and in the generated PyTorch module.

use crate::run::LayerSpec;
use std::collections::BTreeMap;

const MOST_CHARACTERS: usize = 64;

/// Words that Python or `torch.nn.Module` keeps for itself, so that no layer can be called by them.
const TAKEN: &[&str] = &[
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "T_destination",
    "add_module",
    "apply",
    "bfloat16",
    "buffers",
    "call_super_init",
    "children",
    "compile",
    "cpu",
    "cuda",
    "double",
    "dump_patches",
    "eval",
    "extra_repr",
    "float",
    "forward",
    "get_buffer",
    "get_extra_state",
    "get_parameter",
    "get_submodule",
    "half",
    "ipu",
    "load_state_dict",
    "modules",
    "mtia",
    "named_buffers",
    "named_children",
    "named_modules",
    "named_parameters",
    "parameters",
    "register_backward_hook",
    "register_buffer",
    "register_forward_hook",
    "register_forward_pre_hook",
    "register_full_backward_hook",
    "register_full_backward_pre_hook",
    "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook",
    "register_module",
    "register_parameter",
    "register_state_dict_post_hook",
    "register_state_dict_pre_hook",
    "requires_grad_",
    "set_extra_state",
    "set_submodule",
    "share_memory",
    "state_dict",
    "to",
    "to_empty",
    "train",
    "training",
    "type",
    "xpu",
    "zero_grad",
    "clear",
    "items",
    "keys",
    "pop",
    "update",
    "values",
];

/// The name of each layer, its position where the spec gives none; an error says which layer's name is wrong and why.
pub(super) fn all(specs: &[LayerSpec]) -> Result<Vec<String>, (usize, String)> {
    let mut owners: BTreeMap<String, usize> = BTreeMap::new();
    let mut names = Vec::with_capacity(specs.len());
    for (position, spec) in specs.iter().enumerate() {
        let name = match &spec.name {
            Some(name) => {
                check(name).map_err(|message| (position, message))?;
                name.clone()
            }
            None => position.to_string(),
        };
        if let Some(first) = owners.insert(name.clone(), position) {
            let message = format!(
                "the name '{name}' is layer {}'s already: give it another",
                first + 1
            );
            return Err((position, message));
        }
        names.push(name);
    }
    for (position, name) in names.iter().enumerate() {
        // In PyTorch `a.b` is a part of module `a`, which therefore cannot be a layer itself.
        for (end, _) in name.match_indices('.') {
            if let Some(outer) = owners.get(&name[..end]) {
                let message = format!(
                    "'{name}' lies inside layer {}, which is called '{}': give one of them another name",
                    outer + 1,
                    &name[..end]
                );
                return Err((position, message));
            }
        }
    }
    Ok(names)
}

fn check(name: &str) -> Result<(), String> {
    if name.len() > MOST_CHARACTERS {
        return Err(format!(
            "its name is longer than {MOST_CHARACTERS} characters"
        ));
    }
    for part in name.split('.') {
        let number = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let word = part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !number && !word {
            return Err(format!(
                "'{name}' cannot name a PyTorch module: write words of letters, digits and _, \
                 or numbers, joined by dots, such as layer1.0"
            ));
        }
        if TAKEN.contains(&part) || part.starts_with("__") {
            return Err(format!(
                "the name '{part}' has a meaning in Python or PyTorch already: choose another, such as {part}_1"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_pytorch_could_not_carry_are_refused() {
        for name in [
            "", "a.", ".a", "a..b", "1a", "ä", "a-b", "train", "x.class", "__init__",
        ] {
            assert!(check(name).is_err(), "{name}");
        }
        for name in ["layer1.0", "flc", "0", "_x", "features.block.3"] {
            assert!(check(name).is_ok(), "{name}");
        }
    }
}
