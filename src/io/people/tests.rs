use super::*;
use std::time::Duration;

const NOW: Wall = Wall::from_micros(1_795_337_972_000_000);

struct Office {
    _folder: tempfile::TempDir,
    people: People,
}

fn office() -> Office {
    let folder = tempfile::tempdir().expect("a folder");
    let mut keys = Keyring::new();
    keys.insert(1, Secret::new([1; 32]));
    let people = People::new(folder.path(), Arc::new(keys));
    Office { _folder: folder, people }
}

fn word(text: &str) -> Secret<String> {
    Secret::new(text.to_string())
}

impl Office {
    fn add(&self, new: &NewPerson) -> Result<PersonView, PeopleError> {
        self.people.add(new, &word("a long password"), NOW).map(|(view, _)| view)
    }

    fn plain(&self, name: &str, roles: &[Role]) -> PersonView {
        let new = NewPerson { wants_code: false, ..NewPerson::new(name, roles) };
        self.add(&new).expect("added")
    }

    fn log_in(&self, name: &str, password: &str) -> Result<Session, PeopleError> {
        self.people.log_in(name, password, None, NOW)
    }
}

fn not_let_in<T>(result: Result<T, PeopleError>) -> Option<NotLetIn> {
    match result {
        Err(PeopleError::NotLetIn(why)) => Some(why),
        _ => None,
    }
}

#[test]
fn a_person_is_known_by_the_password_only() {
    let office = office();
    office.plain("admin", &[Role::Security]);
    let session = office.log_in("admin", "a long password").expect("let in");
    assert!(session.entered.may(Right::People) && !session.entered.may(Right::Play));
    assert_eq!(not_let_in(office.log_in("admin", "another password")), Some(NotLetIn::Wrong));
    assert_eq!(not_let_in(office.log_in("root", "a long password")), Some(NotLetIn::Wrong));
    let twice = office.add(&NewPerson::new("admin", &[Role::Audit]));
    assert!(matches!(twice, Err(PeopleError::Exists(_))));
    for name in ["", "a b", "a/b", "王"] {
        assert!(matches!(office.add(&NewPerson::new(name, &[])), Err(PeopleError::Name(_))), "{name}");
    }
}

/// DUAL-02: the three administrations are apart over all accounts of one human being.
#[test]
fn a_second_account_does_not_get_around_the_roles() {
    let office = office();
    let wang = office.plain("wang", &[Role::Security]);
    let second =
        |roles: &[Role]| NewPerson { same_as: Some("wang".into()), ..NewPerson::new("wang2", roles) };
    assert!(matches!(office.add(&second(&[Role::System])), Err(PeopleError::Conflict(_))));
    assert!(matches!(office.add(&second(&[Role::Listener])), Err(PeopleError::Conflict(_))));
    let second = office.add(&second(&[Role::Security])).expect("the same role");
    assert_eq!(second.of.person, wang.of.person);
    let changed = office.people.set_roles("wang2", Some(vec![Role::Audit]), None);
    assert!(matches!(changed, Err(PeopleError::Conflict(_))));
}

#[test]
fn a_session_ends_with_the_password_the_roles_and_the_account() {
    let office = office();
    office.plain("anna", &[Role::Listener]);
    let ends = |act: &dyn Fn()| {
        let token = office.log_in("anna", "a long password").expect("let in").token;
        assert!(office.people.enter(token.expose(), NOW).is_ok());
        act();
        assert_eq!(not_let_in(office.people.enter(token.expose(), NOW)), Some(NotLetIn::Ended));
    };
    ends(&|| drop(office.people.set_roles("anna", Some(vec![Role::Quality]), None).expect("done")));
    ends(&|| drop(office.people.set_password("anna", &word("a long password"), NOW).expect("done")));
    ends(&|| drop(office.people.disable("anna", true).expect("done")));
    assert_eq!(not_let_in(office.log_in("anna", "a long password")), Some(NotLetIn::Disabled));
}

/// DUAL-07: a session that is used goes on, an idle one does not, and a copy of an old token does not outlive its own.
#[test]
fn use_renews_a_session_and_idleness_ends_it() {
    let office = office();
    office.plain("anna", &[Role::Listener]);
    let first = office.log_in("anna", "a long password").expect("let in").token;
    let minutes = |n: u64| NOW + Duration::from_secs(n * 60);
    let second = office.people.enter(first.expose(), minutes(10)).expect("goes on").token;
    assert!(office.people.enter(second.expose(), minutes(20)).is_ok());
    assert_eq!(not_let_in(office.people.enter(first.expose(), minutes(20))), Some(NotLetIn::Ended));
}

/// DUAL-05: presence is proved by a code and passes; who should have a code and has none is never present.
#[test]
fn presence_is_proved_again() {
    let office = office();
    let (_, uri) = office
        .people
        .add(&NewPerson::new("anna", &[Role::Listener]), &word("a long password"), NOW)
        .expect("added");
    let seed = seed_of(&uri.expect("codes are asked for")).expect("a seed");
    let first = code(&seed, NOW).expect("a code");
    assert_eq!(not_let_in(office.log_in("anna", "a long password")), Some(NotLetIn::Wrong));
    let session = office.people.log_in("anna", "a long password", Some(&first), NOW).expect("let in");
    assert!(session.entered.present);
    let later = NOW + bounds::STEP_UP;
    let session = office.people.enter(session.token.expose(), later).expect("goes on");
    assert!(!session.entered.present);
    let wrong = office.people.step_up(session.token.expose(), "a long password", later);
    assert_eq!(not_let_in(wrong), Some(NotLetIn::Wrong));
    let next = code(&seed, later).expect("a code");
    assert!(office.people.step_up(session.token.expose(), &next, later).expect("proved").entered.present);
}

/// DUAL-07: tries are counted in the file, so that a restart or another process does not forget them.
#[test]
fn tries_are_counted_across_processes() {
    let office = office();
    office.plain("anna", &[Role::Listener]);
    for _ in 0..bounds::WRONG_TRIES {
        assert!(office.people.clone().log_in("anna", "wrong", None, NOW).is_err());
    }
    assert_eq!(not_let_in(office.log_in("anna", "a long password")), Some(NotLetIn::Locked));
    assert_eq!(office.people.list().expect("opens")[0].of.locked_until, Some(NOW + bounds::LOCKED));
}

#[test]
fn the_first_versions_administrator_is_security_administrator() {
    let office = office();
    let hash = password::hash(&word("a long password")).expect("memory");
    let old =
        serde_json::json!([{ "name": "admin", "role": "administrator", "password": hash, "since": NOW }]);
    office.people.file.write(old.to_string().as_bytes()).expect("written");
    let session = office.log_in("admin", "a long password").expect("let in");
    assert!(session.entered.roles.has(Role::Security));
    assert_eq!(
        session.entered.person,
        office.log_in("admin", "a long password").expect("again").entered.person
    );
}
