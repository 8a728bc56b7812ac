//! How much one organization may have.

use clap::Args;
use clap::builder::RangedI64ValueParser;

/// What one organization may have. Creating more is a 409 `LIMIT_REACHED`; what is there stays, if a bound is lowered.
#[derive(Args, Clone, Debug)]
pub struct BoundConfig {
    /// Installations of one organization.
    #[arg(long, env = "REPAIROPS_INSTALLATIONS_MAX", default_value_t = 100, value_parser = bound())]
    pub installations_max: i64,

    /// Valid API keys of one organization; revoked and expired ones do not count.
    #[arg(long, env = "REPAIROPS_API_KEYS_MAX", default_value_t = 100, value_parser = bound())]
    pub api_keys_max: i64,

    /// Shops of one organization.
    #[arg(long, env = "REPAIROPS_SHOPS_MAX", default_value_t = 1_000, value_parser = bound())]
    pub shops_max: i64,

    /// Users of one organization.
    #[arg(long, env = "REPAIROPS_USERS_MAX", default_value_t = 1_000, value_parser = bound())]
    pub users_max: i64,

    /// Webhooks of one organization.
    #[arg(long, env = "REPAIROPS_WEBHOOKS_MAX", default_value_t = 20, value_parser = bound())]
    pub webhooks_max: i64,

    /// Plugins of one organization, whether installed or not.
    #[arg(long, env = "REPAIROPS_PLUGINS_MAX", default_value_t = 200, value_parser = bound())]
    pub plugins_max: i64,

    /// The components of one organization's plugins, all together, in bytes.
    #[arg(long, env = "REPAIROPS_COMPONENTS_MAX_BYTES", default_value_t = 1 << 30, value_parser = bound())]
    pub components_max_bytes: i64,

    /// The settings of one installation as JSON, in bytes; more is a 400.
    #[arg(long, env = "REPAIROPS_SETTINGS_MAX_BYTES", default_value_t = 64 << 10)]
    pub settings_max_bytes: usize,
}

/// At least one.
fn bound() -> RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(1..)
}

impl Default for BoundConfig {
    fn default() -> Self {
        BoundConfig {
            installations_max: 100,
            api_keys_max: 100,
            shops_max: 1_000,
            users_max: 1_000,
            webhooks_max: 20,
            plugins_max: 200,
            components_max_bytes: 1 << 30,
            settings_max_bytes: 64 << 10,
        }
    }
}
