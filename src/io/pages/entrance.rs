//! People of the node at the door of the page.
//!
//! Invariant: whoever logs in here logs in as everywhere: counted, locked out, audited; and sees one user's calls, whose name their
//! account has or their scope names (`party:NAME`).

use std::net::IpAddr;

use super::server::{Entrance, Guest};
use crate::base::Secret;
use crate::compliance::role::{Mark, Scope};
use crate::io::admin::protocol::{Act, Failure, Kind, Word};
use crate::io::admin::{Actor, Desk};
use crate::vault::Who;

impl Entrance for Desk {
    fn log_in(
        &self,
        from: IpAddr,
        name: &str,
        password: Secret<String>,
        code: Option<String>,
    ) -> Result<Guest, String> {
        guest(self, from, &Act::LogIn { name: name.to_string(), password: Word(password), code })
    }

    fn go_on(&self, from: IpAddr, token: &Secret<String>) -> Result<Guest, String> {
        guest(self, from, &Act::Enter { token: Word(token.clone()) })
    }
}

fn guest(desk: &Desk, from: IpAddr, act: &Act) -> Result<Guest, String> {
    let who = Who { role: "person".into(), from: format!("page, {from}"), ..Who::default() };
    let why = |failure: Failure| match failure.kind {
        Kind::Refused | Kind::Presence => failure.text,
        _ => "this cannot be done now".to_string(),
    };
    let (actor, view) = desk.enter(&Actor::from(who), act).map_err(why)?;
    let named = actor.person().and_then(|entered| match &entered.scope {
        Scope::Marks(marks) => marks.iter().find_map(|mark| match mark {
            Mark::Party(user) => Some(user.clone()),
            _ => None,
        }),
        _ => None,
    });
    let Word(token) = view.token;
    Ok(Guest { user: named.unwrap_or_else(|| view.account.clone()), account: view.account, token })
}
