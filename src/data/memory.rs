//! How much memory this machine, or the container the process runs in, has.

use std::fs;

/// Where a container's limit is found: control groups of version 2 and 1.
const CONTAINER: [&str; 2] = [
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
];

/// Bytes of memory that there are for this process; None where the system does not say.
pub(super) fn machine_bytes() -> Option<u64> {
    let limits = CONTAINER
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    let machine = fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.as_deref().and_then(total);
    machine.into_iter().chain(limits).min()
}

/// Bytes by the line `MemTotal:  16318480 kB`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_own_words_are_understood() {
        let text = "MemFree:  1 kB\nMemTotal:       16318480 kB\nBuffers: 2 kB\n";
        assert_eq!(total(text), Some(16_318_480 * 1024));
        assert_eq!(total("MemTotal: many"), None);
        assert!(machine_bytes().is_none_or(|bytes| bytes > 64 << 20));
    }
}
