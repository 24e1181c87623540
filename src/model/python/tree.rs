//! Dotted names as nested PyTorch modules: `layer1.0` is the part "0" of the attribute `layer1`.

use std::fmt::Write;

/// Modules by their place below the network, in the order of the layers.
pub(super) struct Tree<'a>(Vec<(&'a str, Node<'a>)>);

enum Node<'a> {
    /// A constructor's call.
    Leaf(&'a str),
    Inner(Tree<'a>),
}

impl<'a> Tree<'a> {
    /// `modules` are dotted names, none of them inside another, with the call that makes each.
    pub fn new(modules: &'a [(&'a str, String)]) -> Self {
        let mut root = Tree(Vec::new());
        for (name, call) in modules {
            root.insert(name, call);
        }
        root
    }

    fn insert(&mut self, name: &'a str, call: &'a str) {
        let Some((first, rest)) = name.split_once('.') else {
            self.0.push((name, Node::Leaf(call)));
            return;
        };
        let at = match self.0.iter().position(|(known, _)| *known == first) {
            Some(at) => at,
            None => {
                self.0.push((first, Node::Inner(Tree(Vec::new()))));
                self.0.len() - 1
            }
        };
        if let Node::Inner(inner) = &mut self.0[at].1 {
            inner.insert(rest, call);
        }
    }

    /// The lines of `__init__`.
    pub fn definitions(&self) -> String {
        let mut lines = String::new();
        for (name, node) in &self.0 {
            let value = node.expression(2);
            // Writing to a String cannot fail.
            let _ = if is_number(name) {
                writeln!(lines, "        self.add_module(\"{name}\", {value})")
            } else {
                writeln!(lines, "        self.{name} = {value}")
            };
        }
        lines
    }
}

impl Node<'_> {
    /// The expression that makes a module; `depth` is the indentation in steps of four.
    fn expression(&self, depth: usize) -> String {
        match self {
            Node::Leaf(call) => (*call).to_owned(),
            Node::Inner(Tree(children)) => {
                let indent = "    ".repeat(depth + 1);
                let mut text = "nn.ModuleDict({\n".to_owned();
                for (name, node) in children {
                    let value = node.expression(depth + 1);
                    let _ = writeln!(text, "{indent}\"{name}\": {value},");
                }
                text + "    ".repeat(depth).as_str() + "})"
            }
        }
    }
}

/// The expression that a network reaches a module by.
pub(super) fn access(name: &str) -> String {
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or_default();
    let start = if is_number(first) {
        format!("self.get_submodule(\"{first}\")")
    } else {
        format!("self.{first}")
    };
    parts.fold(start, |path, part| format!("{path}[\"{part}\"]"))
}

fn is_number(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_digit())
}
