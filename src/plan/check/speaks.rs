//! Whether a file lets calls choose their language: then prompts are kept in all of theirs.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::plan::ast::{Arm, FileAst, Otherwise, Statement, StatementKind};
use crate::plan::verb::VerbKind;

use super::names::World;

/// Whether some statement of the file chooses a language.
pub(super) fn chooses(ast: &FileAst) -> bool {
    let flows = ast.flows.iter().any(|flow| any(&flow.body.statements));
    let routes = ast.routes.iter().chain(ast.emergencies.iter().flat_map(|emergency| &emergency.routes));
    flows || routes.into_iter().any(|route| any(&route.body))
}

fn any(statements: &[Statement]) -> bool {
    statements.iter().any(|statement| match &statement.kind {
        StatementKind::Verb(verb) => {
            verb.row.kind == VerbKind::Language || verb.arms.iter().any(|Arm { body, .. }| any(body))
        }
        StatementKind::If { then, otherwise, .. } => {
            any(&then.statements) || otherwise.as_ref().is_some_and(|block| any(&block.statements))
        }
        StatementKind::Lookup { otherwise: Otherwise::Goes(body), .. } => any(body),
        _ => false,
    })
}

impl World {
    /// Every language in which something is spoken.
    pub fn languages(&self) -> Vec<Arc<str>> {
        let prompts =
            self.prompts.iter().flat_map(|prompt| prompt.sounds.iter().map(|sound| sound.lang.clone()));
        prompts.collect::<BTreeSet<_>>().into_iter().collect()
    }
}
