//! What a permission lets a plugin do, in a sentence that an owner reads.

/// Permissions that need no grant.
pub const ALWAYS_GRANTED: [&str; 4] = [
    "repairops:plugin/limits",
    "repairops:plugin/log",
    "repairops:plugin/settings",
    "repairops:plugin/time",
];

pub fn sentence(permission: &str) -> String {
    let known = match permission {
        "repairops:plugin/limits" => "It may read how much of its limits is left.",
        "repairops:plugin/log" => "It may write to its log, which you read in its runs.",
        "repairops:plugin/settings" => "It may read the settings that you give it.",
        "repairops:plugin/time" => "It may convert times to the time zone of a shop.",
        other => return format!("It may use {other}."),
    };
    known.to_owned()
}
