//! The meaning of words and phrases of an intake text in a repair shop.

/// From the least to the most severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Phrases that mean a category. Words are lower-case and without apostrophes.
pub struct CategoryRule {
    pub category: &'static str,
    pub severity: Severity,
    pub phrases: &'static [&'static str],
}

/// Phrases that mean a tag, and the minimum severity of a ticket with that tag.
pub struct TagRule {
    pub tag: &'static str,
    pub severity: Option<Severity>,
    pub phrases: &'static [&'static str],
}

/// The first matching rule gives the category: causes come before symptoms.
pub const CATEGORIES: [CategoryRule; 9] = [
    CategoryRule {
        category: "hazard",
        severity: Severity::Critical,
        phrases: &[
            "swollen battery",
            "battery is swollen",
            "battery swollen",
            "bulging battery",
            "battery is bulging",
            "battery bulging",
            "smoke",
            "smoking",
            "on fire",
            "caught fire",
            "burning",
            "burnt smell",
            "sparks",
            "electric shock",
        ],
    },
    CategoryRule { category: "liquid_damage", severity: Severity::High, phrases: LIQUID },
    CategoryRule {
        category: "physical_damage",
        severity: Severity::Medium,
        phrases: &[
            "cracked",
            "crack",
            "cracks",
            "shattered",
            "smashed",
            "broken screen",
            "screen is broken",
            "screen broken",
            "broken glass",
            "glass is broken",
            "broken hinge",
            "hinge is broken",
            "dropped",
            "fell",
            "bent",
            "dented",
            "dent",
            "run over",
            "physical damage",
        ],
    },
    CategoryRule { category: "data", severity: Severity::High, phrases: DATA },
    CategoryRule {
        category: "power",
        severity: Severity::High,
        phrases: &[
            "wont turn on",
            "will not turn on",
            "does not turn on",
            "doesnt turn on",
            "not turning on",
            "cant turn on",
            "wont start",
            "does not start",
            "doesnt start",
            "wont boot",
            "does not boot",
            "doesnt boot",
            "no power",
            "dead",
            "black screen",
            "shuts down",
            "turns off",
            "keeps restarting",
            "boot loop",
        ],
    },
    CategoryRule {
        category: "battery",
        severity: Severity::Medium,
        phrases: &[
            "battery",
            "wont charge",
            "will not charge",
            "does not charge",
            "doesnt charge",
            "not charging",
            "charging port",
            "charger",
        ],
    },
    CategoryRule {
        category: "connectivity",
        severity: Severity::Medium,
        phrases: &[
            "wifi",
            "wi fi",
            "bluetooth",
            "no signal",
            "no service",
            "sim card",
            "no network",
        ],
    },
    CategoryRule {
        category: "component",
        severity: Severity::Medium,
        phrases: &[
            "speaker",
            "speakers",
            "microphone",
            "camera",
            "keyboard",
            "trackpad",
            "touchpad",
            "touch screen",
            "touchscreen",
            "button",
            "buttons",
            "fan",
            "no sound",
            "flickers",
            "flickering",
            "lines on the screen",
        ],
    },
    CategoryRule {
        category: "software",
        severity: Severity::Low,
        phrases: &[
            "virus",
            "malware",
            "pop ups",
            "popups",
            "slow",
            "update",
            "password",
            "passcode",
            "blue screen",
            "crashes",
            "crashing",
            "freezes",
            "freezing",
            "frozen",
            "reinstall",
            "operating system",
        ],
    },
];

pub const TAGS: [TagRule; 3] = [
    TagRule { tag: "liquid-damage", severity: Some(Severity::High), phrases: LIQUID },
    TagRule { tag: "data-at-risk", severity: Some(Severity::High), phrases: DATA },
    TagRule { tag: "warranty", severity: None, phrases: &["warranty", "applecare", "guarantee"] },
];

const LIQUID: &[&str] = &[
    "liquid damage",
    "liquid",
    "water damage",
    "water damaged",
    "in water",
    "into water",
    "in the water",
    "into the water",
    "water inside",
    "water got",
    "got wet",
    "wet",
    "spill",
    "spilled",
    "spilt",
    "soaked",
    "submerged",
    "toilet",
    "sink",
    "swimming pool",
    "moisture",
];

const DATA: &[&str] = &[
    "data loss",
    "lost data",
    "lost my data",
    "lose data",
    "losing data",
    "lose my photos",
    "lost my photos",
    "data recovery",
    "recover data",
    "recover my data",
    "recover my photos",
    "recover my files",
    "recover the data",
    "recover the files",
    "no backup",
    "not backed up",
    "without backup",
    "never backed up",
    "need my data",
    "need the data",
    "important data",
    "important files",
    "disk failure",
    "clicking noise",
];
