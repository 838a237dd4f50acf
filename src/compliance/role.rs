//! Who may do what: roles, the rights that each gives, which roles one human being may not hold together, and over which
//! recordings a right reaches.
//!
//! Invariant: system, security and audit administration are never in one person's hands (三员分立, GB/T 22239 8.1.4.2), and
//! no administration gives the right to hear or unmask anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What somebody is on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// System administrator (系统管理员): phones, plans, trunks, secrets, backups. Root on the admin socket is this and
    /// nothing else.
    System,
    /// Security administrator (安全管理员): people, their roles and keys; approves.
    Security,
    /// Audit administrator (审计管理员): reads the audit book, reviews emergencies.
    Audit,
    /// Hears recordings of the scope.
    Listener,
    /// Quality control (质控): hears, unmasks, asks for exports, approves.
    Quality,
    /// Finds the own calls.
    Agent,
    /// As quality, and lays holds on recordings and has them released.
    Supervisor,
}

/// What one may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Run the node: phones, calls, trunks, secrets, settings, plans.
    Operate,
    /// Copy the store and put it back.
    Backup,
    /// Make, change and disable people, and give them roles.
    People,
    /// Read the audit book.
    Audit,
    /// Check recordings and books for damage.
    Verify,
    /// Search recordings; what is personal is masked.
    Search,
    /// See numbers and names unmasked.
    Reveal,
    /// Hear recordings.
    Play,
    /// Be brought into a running conversation.
    Supervise,
    /// Have recordings packed for somebody outside.
    Export,
    /// Lay a hold on recordings, ask for its release.
    Hold,
    /// Start the destruction of what is past its term.
    Destroy,
    /// Approve or refuse what others ask for.
    Approve,
    /// Say that an emergency was looked into.
    Review,
}

/// Which roles give which right. One line a right; a right that is missing in a line is refused.
const TABLE: &[(Right, &[Role])] = &[
    (Right::Operate, &[Role::System]),
    (Right::Backup, &[Role::System]),
    (Right::People, &[Role::Security]),
    (Right::Audit, &[Role::Audit]),
    (Right::Verify, &[Role::System, Role::Security, Role::Audit, Role::Quality, Role::Supervisor]),
    (Right::Search, &[Role::System, Role::Listener, Role::Quality, Role::Agent, Role::Supervisor]),
    (Right::Reveal, &[Role::Quality, Role::Supervisor]),
    (Right::Play, &[Role::Listener, Role::Quality, Role::Supervisor]),
    (Right::Supervise, &[Role::Quality, Role::Supervisor]),
    (Right::Export, &[Role::Quality, Role::Supervisor]),
    (Right::Hold, &[Role::Security, Role::Supervisor]),
    (Right::Destroy, &[Role::System, Role::Security]),
    (Right::Approve, &[Role::Security, Role::Audit, Role::Quality, Role::Supervisor]),
    (Right::Review, &[Role::Audit]),
];

impl Role {
    /// Every role.
    pub const ALL: [Role; 7] = [
        Role::System,
        Role::Security,
        Role::Audit,
        Role::Listener,
        Role::Quality,
        Role::Agent,
        Role::Supervisor,
    ];

    /// Whether it administers (三员).
    pub fn is_administrator(self) -> bool {
        matches!(self, Role::System | Role::Security | Role::Audit)
    }

    /// The role that a plan's header means by `title` (`approve by 质控 x1`): the word of the command line, or the field's
    /// Chinese title.
    pub fn titled(title: &str) -> Option<Role> {
        const TITLES: [(&str, Role); 6] = [
            ("系统管理员", Role::System),
            ("安全管理员", Role::Security),
            ("审计管理员", Role::Audit),
            ("质控", Role::Quality),
            ("坐席", Role::Agent),
            ("主管", Role::Supervisor),
        ];
        let chinese = TITLES.iter().find(|(known, _)| *known == title).map(|(_, role)| *role);
        chinese.or_else(|| title.parse().ok())
    }

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::Security => "security",
            Role::Audit => "audit",
            Role::Listener => "listener",
            Role::Quality => "quality",
            Role::Agent => "agent",
            Role::Supervisor => "supervisor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The text names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of system, security, audit, listener, quality, agent, supervisor")]
pub struct NotARole;

impl FromStr for Role {
    type Err = NotARole;
    fn from_str(text: &str) -> Result<Role, NotARole> {
        Role::ALL.into_iter().find(|role| role.word() == text).ok_or(NotARole)
    }
}

/// The roles of one human being, over all of their accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles(BTreeSet<Role>);

/// Why roles may not be held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Two of the three administrations.
    #[error("{0} and {1} administration may not be in one person's hands")]
    Administrations(Role, Role),
    /// An administrator who would also hear recordings.
    #[error("who is {0} administrator may not also be {1}")]
    Hearing(Role, Role),
}

impl Roles {
    /// `roles`, if one person may hold them together (DUAL-02).
    ///
    /// # Errors
    /// Two that exclude each other.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Result<Roles, Conflict> {
        let roles: BTreeSet<Role> = roles.into_iter().collect();
        let mut administrations = roles.iter().copied().filter(|role| role.is_administrator());
        let Some(first) = administrations.next() else { return Ok(Roles(roles)) };
        if let Some(second) = administrations.next() {
            return Err(Conflict::Administrations(first, second));
        }
        match roles.iter().find(|role| !role.is_administrator()) {
            Some(other) => Err(Conflict::Hearing(first, *other)),
            None => Ok(Roles(roles)),
        }
    }

    /// Whether any of them gives `right`.
    pub fn may(&self, right: Right) -> bool {
        self.0.iter().any(|role| who_may(right).contains(role))
    }

    /// Whether `role` is among them.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Role> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(Role::word).collect();
        f.write_str(&if words.is_empty() { "none".to_string() } else { words.join(", ") })
    }
}

/// The roles that give `right`.
pub fn who_may(right: Right) -> &'static [Role] {
    TABLE.iter().find(|(of, _)| *of == right).map_or(&[], |(_, roles)| roles)
}

/// Over which recordings somebody's rights reach.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Over none.
    #[default]
    Nothing,
    /// Over those that carry one of these marks.
    Marks(BTreeSet<Mark>),
    /// Over all.
    Everything,
}

/// What a recording must carry to be in a scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It took this route or waited in this queue.
    Queue(String),
    /// It carries this tag with this value: `tenant=north`.
    Tag(String, String),
    /// This account took part.
    Party(String),
}

/// What of a recording decides whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Its route.
    pub route: Option<&'a str>,
    /// Its tags; `queue` among them names a queue.
    pub tags: &'a BTreeMap<String, String>,
    /// The accounts that took part.
    pub parties: &'a [&'a str],
}

impl Scope {
    /// Whether a recording of these `facts` is within it.
    pub fn covers(&self, facts: &Facts<'_>) -> bool {
        match self {
            Scope::Nothing => false,
            Scope::Everything => true,
            Scope::Marks(marks) => marks.iter().any(|mark| mark.is_on(facts)),
        }
    }
}

impl Mark {
    fn is_on(&self, facts: &Facts<'_>) -> bool {
        let tag = |name: &str, value: &str| facts.tags.get(name).is_some_and(|has| has == value);
        match self {
            Mark::Queue(queue) => facts.route == Some(queue) || tag("queue", queue),
            Mark::Tag(name, value) => tag(name, value),
            Mark::Party(account) => facts.parties.contains(&account.as_str()),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mark::Queue(queue) => write!(f, "queue:{queue}"),
            Mark::Tag(name, value) => write!(f, "{name}={value}"),
            Mark::Party(account) => write!(f, "party:{account}"),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Nothing => f.write_str("nothing"),
            Scope::Everything => f.write_str("everything"),
            Scope::Marks(marks) => {
                let marks: Vec<String> = marks.iter().map(ToString::to_string).collect();
                f.write_str(&marks.join(" "))
            }
        }
    }
}

/// The text names no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is `everything`, `nothing`, or marks: `queue:NAME`, `party:ACCOUNT`, `TAG=VALUE`")]
pub struct NotAScope;

impl FromStr for Scope {
    type Err = NotAScope;
    fn from_str(text: &str) -> Result<Scope, NotAScope> {
        match text {
            "everything" => return Ok(Scope::Everything),
            "nothing" | "" => return Ok(Scope::Nothing),
            _ => {}
        }
        let mark = |word: &str| match (word.split_once(':'), word.split_once('=')) {
            (Some(("queue", name)), _) if !name.is_empty() => Ok(Mark::Queue(name.to_string())),
            (Some(("party", name)), _) if !name.is_empty() => Ok(Mark::Party(name.to_string())),
            (_, Some((name, value))) if !name.is_empty() => {
                Ok(Mark::Tag(name.to_string(), value.to_string()))
            }
            _ => Err(NotAScope),
        };
        text.split_whitespace().map(mark).collect::<Result<_, _>>().map(Scope::Marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DUAL-02: of the three administrations a person has at most one, and an administrator hears nothing.
    #[test]
    fn administrations_are_apart() {
        use Role::*;
        for (roles, conflict) in [
            (&[][..], None),
            (&[System][..], None),
            (&[System, System], None),
            (&[System, Security], Some(Conflict::Administrations(System, Security))),
            (&[Audit, System], Some(Conflict::Administrations(System, Audit))),
            (&[Security, Audit], Some(Conflict::Administrations(Security, Audit))),
            (&[System, Security, Audit], Some(Conflict::Administrations(System, Security))),
            (&[Listener, System], Some(Conflict::Hearing(System, Listener))),
            (&[Quality, Security], Some(Conflict::Hearing(Security, Quality))),
            (&[Listener, Quality, Agent, Supervisor], None),
        ] {
            assert_eq!(Roles::new(roles.iter().copied()).err(), conflict, "{roles:?}");
        }
    }

    /// DUAL-03, and the whole table at a glance.
    #[test]
    fn who_may_do_what() {
        let rights: Vec<String> = TABLE
            .iter()
            .map(|(right, roles)| {
                let words: Vec<&str> = roles.iter().map(|role| role.word()).collect();
                format!("{right:<8?} {}\n", words.join(" ")).replace("  ", " ")
            })
            .collect();
        expect_test::expect![[r#"
            Operate system
            Backup system
            People security
            Audit audit
            Verify system security audit quality supervisor
            Search system listener quality agent supervisor
            Reveal quality supervisor
            Play listener quality supervisor
            Supervise quality supervisor
            Export quality supervisor
            Hold security supervisor
            Destroy system security
            Approve security audit quality supervisor
            Review audit
        "#]]
        .assert_eq(&rights.concat());
        for administrator in Role::ALL.into_iter().filter(|role| role.is_administrator()) {
            let roles = Roles::new([administrator]).expect("one");
            for right in [Right::Play, Right::Supervise, Right::Reveal, Right::Export] {
                assert!(!roles.may(right), "{administrator} {right:?}");
            }
        }
    }

    #[test]
    fn a_scope_reaches_what_carries_its_marks() {
        let tags = BTreeMap::from([("tenant".to_string(), "north".into()), ("queue".into(), "loans".into())]);
        let facts = Facts { route: Some("hotline"), tags: &tags, parties: &["anna"] };
        for (scope, covered) in [
            ("everything", true),
            ("nothing", false),
            ("queue:hotline", true),
            ("queue:loans", true),
            ("queue:tenant", false),
            ("tenant=north", true),
            ("tenant=south", false),
            ("tenant=south queue:loans", true),
            ("party:anna", true),
            ("party:ann", false),
        ] {
            let parsed: Scope = scope.parse().expect("a scope");
            assert_eq!(parsed.covers(&facts), covered, "{scope}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
        for text in ["loans", "queue:", "=x", "queue:a b"] {
            assert_eq!(text.parse::<Scope>(), Err(NotAScope), "{text}");
        }
    }
}
