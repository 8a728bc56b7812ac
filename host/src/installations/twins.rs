//! Rejects a second installation of a plugin name for the same shop and hook; another build has to be an upgrade.
//!
//! Invariant: pairs that existed before this rule stay and can be changed; only a change that adds a pair is rejected.

use std::collections::HashSet;

use crate::db::Conn;
use crate::installations::store::{self, Installed};
use crate::model::event::Hook;
use crate::model::ids::{InstallationId, OrgId};
use crate::model::plugin::{Installation, Mode};
use crate::model::problem::Problem;

/// The installation of the same name, and the hook that both have.
pub type Twin = (InstallationId, Hook);

/// Returns a pair that exists with `after` and not with `before`.
pub async fn find_new(
    conn: &mut Conn,
    org: OrgId,
    name: &str,
    before: Option<&Installation>,
    after: &Installation,
) -> Result<Option<Twin>, sqlx::Error> {
    let others = store::of_name(conn, org, name).await?;
    let others = || others.iter().filter(|other| other.installation.id != after.id);
    let twins = |of: &Installation| -> Vec<Twin> {
        others().flat_map(|other| shared(of, &other.installation)).collect()
    };
    let known: HashSet<Twin> = before.map(twins).unwrap_or_default().into_iter().collect();
    Ok(twins(after).into_iter().find(|twin| !known.contains(twin)))
}

/// The hooks that both are asked at some shop.
fn shared(one: &Installation, other: &Installation) -> Vec<Twin> {
    let at_one_shop = match (&one.shop_ids, &other.shop_ids) {
        (Some(one), Some(other)) => one.iter().any(|shop| other.contains(shop)),
        _ => true,
    };
    if !at_one_shop {
        return Vec::new();
    }
    let is_asked = |row: &Installation, hook: &Hook| {
        row.hooks.get(hook).is_some_and(|setup| setup.mode != Mode::Off)
    };
    let hooks = one.hooks.keys().filter(|hook| is_asked(one, hook) && is_asked(other, hook));
    hooks.map(|hook| (other.id, *hook)).collect()
}

/// For the doctor: pairs that were installed before this rule.
pub async fn examine(conn: &mut Conn) -> Result<Vec<Problem>, sqlx::Error> {
    let rows = store::of_repeated_names(conn).await?;
    let mut problems = Vec::new();
    for (index, (org, one)) in rows.iter().enumerate() {
        let same = |(other_org, other): &&(OrgId, Installed)| {
            other_org == org && other.plugin == one.plugin
        };
        for (_, other) in rows[index + 1..].iter().take_while(same) {
            for (twin, hook) in shared(&one.installation, &other.installation) {
                let problem = format!(
                    "the plugin {} is also installed as {twin}, and both are asked for {hook} at one shop; keep one of \
                     them, or give them other shops",
                    one.plugin
                );
                problems.push(Problem {
                    organization_id: *org,
                    id: one.installation.id.0,
                    problem,
                });
            }
        }
    }
    Ok(problems)
}
