//! `[plan]`: where the dial plans are, when they are read again, and whose signature their headers mean.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::checked::Check;
use super::written;
use crate::compliance::role::Role;

/// What it takes to load a plan on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Whoever administers the system loads what checks clean.
    #[default]
    Open,
    /// Only what other people than its author have approved is loaded (requirements M3, F5).
    Production,
}

/// `[plan]`: where the dial plans are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Folder of plan files and prompts.
    pub folder: PathBuf,
    /// The plan files that the switch follows, relative to the folder; what they `use` comes along. Empty: every `*.plan`
    /// file of the folder, together.
    pub files: Vec<String>,
    /// How often the folder is looked at for changes, which are then loaded; `None`: never.
    pub watch: Option<Duration>,
    /// The role of this node that a name behind `approve by` means, besides the words of the roles themselves.
    pub roles: BTreeMap<String, Role>,
}

impl Plan {
    /// The role that `approve by NAME` means here.
    pub fn role(&self, name: &str) -> Option<Role> {
        self.roles.get(name).copied().or_else(|| Role::titled(name))
    }
}

/// Gives the section as written its meaning.
pub(super) fn checked(check: &mut Check<'_>, written: &written::Plan) -> Plan {
    let mut files = Vec::new();
    for file in written.files.iter().flat_map(|files| files.get_ref()) {
        let path = file.get_ref();
        let inside = !path.starts_with('/') && !path.split('/').any(|part| part == ".." || part.is_empty());
        if !inside || !path.ends_with(".plan") {
            let hint = "a path within the plan folder that ends in .plan";
            check.wrong(file.span(), "not a plan file", hint);
        }
        files.push(path.clone());
    }
    let mut roles = BTreeMap::new();
    for (name, role) in written.roles.iter().flatten() {
        match role.get_ref().parse::<Role>() {
            Ok(role) => drop(roles.insert(name.clone(), role)),
            Err(error) => {
                check.wrong(role.span(), format!("`{}` is not a role", role.get_ref()), error.to_string())
            }
        }
    }
    let watch = written.watch_s.as_ref().filter(|seconds| *seconds.get_ref() != 0);
    let watch = watch.map(|seconds| check.seconds(Some(seconds), Duration::ZERO, 1..=3_600));
    Plan { folder: check.path(written.folder.as_ref(), "dialplans"), files, watch, roles }
}
