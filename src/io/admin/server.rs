//! The Unix socket: who may speak, one request a line, answers as they come.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, mpsc};

use super::actor::Actor;
use super::desk::{Desk, Reply};
use super::protocol::{Act, Failure, Kind, Line, Request};
use super::trail::{self, Begun, Deed};
use crate::base::bounds;
use crate::compliance::role::Right;
use crate::io::door::Door;
use crate::switch::{Answer, Command};
use crate::vault::{Outcome, Who};

/// The admin socket. It is removed when this is dropped.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
}

/// Whether somebody answers at the socket `path`.
pub fn in_use(path: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(path).is_ok()
}

impl Server {
    /// Makes the socket, readable and writable by the node's own user only. A socket that a crash left behind is replaced.
    /// Needs a tokio runtime.
    ///
    /// # Errors
    /// `AddrInUse` when another node answers there; else the system's.
    pub fn bind(path: &Path) -> io::Result<Server> {
        if in_use(path) {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another node answers at this socket"));
        }
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there and no socket")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Server { listener, path: path.to_path_buf() })
    }

    /// Serves for ever.
    pub async fn serve(self, desk: Desk, door: Door) {
        let places = Arc::new(Semaphore::new(bounds::ADMIN_CLIENTS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let client = Client { desk: desk.clone(), door: door.clone() };
                    tokio::spawn(async move {
                        if let Err(error) = client.serve(stream).await {
                            tracing::debug!(%error, "an administrator's connection ended");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept an administrator");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever finds it missing knows that the node is stopped; a failure leaves a socket that nobody answers.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// One connection.
struct Client {
    desk: Desk,
    door: Door,
}

impl Client {
    async fn serve(&self, stream: UnixStream) -> io::Result<()> {
        let peer = stream.peer_cred()?;
        let (reader, mut writer) = stream.into_split();
        if !may_ask(&peer) {
            tracing::warn!(target: "ledgerline::admin", uid = peer.uid(), "refused: not root and not the node's user");
            if let Some(store) = &self.desk.store {
                let who = trail::who(peer.uid(), from(&peer));
                trail::note(store, &who, &Deed::new("admin.enter", None), Outcome::Refused);
            }
            let failure = Failure::new(Kind::Refused, "only root and the node's own user may administer it");
            return say(&mut writer, &Line::Error(failure)).await;
        }
        let mut actor = Actor::from(trail::who(peer.uid(), from(&peer)));
        let mut reader = BufReader::new(reader);
        while let Some(line) = line(&mut reader).await? {
            let (outcome, name) = match line.map(|line| Request::parse(&line)) {
                Ok(Ok(request)) => {
                    let name = request.name();
                    tracing::info!(target: "ledgerline::admin", uid = peer.uid(), pid = peer.pid(), request = %name, "asked");
                    (self.answer(&mut actor, request, &mut writer).await?, name)
                }
                Ok(Err(failure)) | Err(failure) => (Err(failure), "unreadable".to_string()),
            };
            if let Err(failure) = &outcome {
                tracing::info!(target: "ledgerline::admin", uid = peer.uid(), request = %name, kind = ?failure.kind, "not done");
            }
            say(&mut writer, &outcome.map_or_else(Line::Error, Line::Ok)).await?;
        }
        Ok(())
    }

    async fn answer(
        &self,
        actor: &mut Actor,
        request: Request,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<Result<Value, Failure>> {
        Ok(match request {
            Request::Ask(command) => self.ask(actor, command).await,
            Request::Do(act @ (Act::LogIn { .. } | Act::Enter { .. } | Act::Prove { .. })) => {
                self.enter(actor, act).await
            }
            Request::Do(act @ Act::Watch) => match self.begin(actor.who(), Deed::of_act(&act)).await {
                Ok(begun) if !actor.may(Right::Operate) => {
                    let refused = actor.check(Right::Operate).map(|()| Value::Null);
                    self.end(begun, &refused);
                    refused
                }
                Ok(begun) => {
                    let watched = self.watch(writer).await;
                    self.end(begun, &Ok(Value::Null));
                    watched?
                }
                Err(refused) => Err(refused),
            },
            Request::Do(act) => self.act(actor, act, writer).await?,
        })
    }

    /// Lets somebody in on this connection.
    async fn enter(&self, actor: &mut Actor, act: Act) -> Result<Value, Failure> {
        let (desk, before) = (self.desk.clone(), actor.clone());
        let work = tokio::task::spawn_blocking(move || desk.enter(&before, &act));
        let (entered, told) = work.await.map_err(|error| Failure::new(Kind::Failed, error))??;
        *actor = entered;
        serde_json::to_value(told).map_err(|error| Failure::new(Kind::Failed, error))
    }

    /// Asks the core.
    async fn ask(&self, actor: &Actor, command: Command) -> Result<Value, Failure> {
        let allowed = actor.may_give(&command);
        let begun = self.begin(actor.who(), Deed::of_command(&command)).await?;
        if let Err(refused) = allowed {
            let refused = Err(refused);
            self.end(begun, &refused);
            return refused;
        }
        let answer = match self.door.ask_async(command).await {
            Ok(Answer::NotFound) => Err(Failure::new(Kind::NotFound, "there is no such call or user")),
            Ok(answer) => serde_json::to_value(answer).map_err(|error| Failure::new(Kind::Failed, error)),
            Err(gone) => Err(Failure::new(Kind::Failed, gone)),
        };
        self.end(begun, &answer);
        answer
    }

    /// Audits what is about to be done.
    async fn begin(&self, who: &Who, deed: Option<Deed>) -> Result<Option<Begun>, Failure> {
        let Some(deed) = deed else { return Ok(None) };
        let (store, who) = (self.desk.store.clone(), who.clone());
        let work = tokio::task::spawn_blocking(move || trail::begin(store.as_ref(), &who, deed));
        work.await.map_err(|error| Failure::new(Kind::Failed, error))?.map(Some)
    }

    fn end(&self, begun: Option<Begun>, result: &Result<Value, Failure>) {
        if let Some(begun) = begun {
            begun.end(self.desk.store.as_ref(), result.as_ref().map(trail::gist));
        }
    }

    /// Runs the desk where blocking harms nobody, and passes on what it yields as fast as the client reads.
    async fn act(
        &self,
        actor: &Actor,
        act: Act,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<Result<Value, Failure>> {
        let (sender, mut replies) = mpsc::channel::<Reply>(4);
        let (desk, actor) = (self.desk.clone(), actor.clone());
        let work = tokio::task::spawn_blocking(move || {
            desk.act(&actor, act, &mut |reply| sender.blocking_send(reply).is_ok())
        });
        while let Some(reply) = replies.recv().await {
            say(writer, &reply.line()).await?;
            if let Reply::Octets(octets) = reply {
                writer.write_all(&octets).await?;
            }
        }
        Ok(work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "an administrator's request failed in itself");
            Err(Failure::new(Kind::Failed, "an error of the node; its log says more"))
        }))
    }

    async fn watch(&self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<Result<Value, Failure>> {
        let mut happenings = self.door.watch();
        loop {
            match happenings.recv().await {
                Ok(happening) => {
                    let value = serde_json::to_value(&*happening).unwrap_or(Value::Null);
                    say(writer, &Line::Item(value)).await?;
                }
                Err(RecvError::Lagged(missed)) => {
                    say(writer, &Line::Item(json!({ "missed": missed }))).await?
                }
                Err(RecvError::Closed) => return Ok(Ok(Value::Null)),
            }
        }
    }
}

/// How somebody came here.
fn from(peer: &UCred) -> String {
    peer.pid().map_or_else(|| "socket".to_string(), |pid| format!("socket, process {pid}"))
}

/// Root, or the user that the node runs as.
fn may_ask(peer: &UCred) -> bool {
    peer.uid() == 0 || peer.uid() == rustix::process::geteuid().as_raw()
}

async fn say(writer: &mut (impl AsyncWrite + Unpin), line: &Line) -> io::Result<()> {
    writer.write_all(line.to_line().as_bytes()).await
}

/// The next line without its end; `None` at the end of the stream. A line that is too long is skipped.
async fn line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Result<Vec<u8>, Failure>>> {
    let mut line = Vec::new();
    let most = bounds::ADMIN_REQUEST_BYTES as u64;
    let len = (&mut *reader).take(most).read_until(b'\n', &mut line).await?;
    if len == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') && len as u64 == most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a request is too long"));
    }
    Ok(Some(Ok(line)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Secret, Wall};
    use crate::call::view::{CallView, Change, Happening};
    use crate::config;
    use crate::io::door::{Knock, Porter, door};
    use crate::io::motions::Motions;
    use crate::io::people::People;
    use crate::io::store::{Options, Store};
    use crate::io::users::Users;
    use crate::vault::Keyring;

    struct Line {
        reader: BufReader<tokio::net::unix::OwnedReadHalf>,
        writer: tokio::net::unix::OwnedWriteHalf,
    }

    impl Line {
        async fn ask(&mut self, request: &str) -> Value {
            self.writer.write_all(request.as_bytes()).await.expect("sent");
            self.answer().await
        }

        async fn answer(&mut self) -> Value {
            let mut line = String::new();
            self.reader.read_line(&mut line).await.expect("a line");
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
        }
    }

    /// A server over a folder with accounts and no core but the porter.
    async fn served(folder: &Path) -> (Line, Porter) {
        let path = folder.join("admin.sock");
        let server = Server::bind(&path).expect("bound");
        let mut keys = Keyring::new();
        keys.insert(1, Secret::new([1; 32]));
        let (door, porter) = door();
        let config = config::check(&folder.join("ledgerline.toml"), "").expect("defaults");
        let keys = Arc::new(keys);
        let users = Users::new(folder, keys.clone(), "test");
        let settings = crate::io::settings::SettingsFile::new(folder, Arc::new(Keyring::new()));
        let kept = folder.join("store");
        Store::create(&kept, &Options::default()).expect("new");
        let desk = Desk {
            users,
            settings,
            secrets: crate::io::secrets::Secrets::new(folder, Arc::new(Keyring::new())),
            people: People::new(folder, keys.clone()),
            motions: Motions::new(folder, keys.clone()),
            mode: config.node.mode,
            programs: crate::io::programs::Programs::new(folder, keys.clone()),
            realm: "test".into(),
            store: Some(Store::open(&kept, &Options::default(), |_| {}).expect("opened")),
            site: crate::io::plans::site(&config),
            plan: config.plan,
            door: Some(door.clone()),
            trunks: None,
            outside: None,
        };
        tokio::spawn(server.serve(desk, door));
        let (reader, writer) = UnixStream::connect(&path).await.expect("connected").into_split();
        (Line { reader: BufReader::new(reader), writer }, porter)
    }

    #[tokio::test]
    async fn requests_are_answered_in_their_order_and_bad_ones_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut line, _porter) = served(folder.path()).await;
        for (request, kind) in [
            ("nonsense\n", "usage"),
            ("{\"do\":\"format_disk\"}\n", "usage"),
            ("{\"ask\":\"everything\"}\n", "usage"),
            ("{\"do\":\"user_remove\",\"name\":\"nobody\"}\n", "not_found"),
            ("{\"do\":\"user_add\",\"name\":\"a b\"}\n", "usage"),
            ("{\"do\":\"user_add\",\"name\":\"bob\",\"password\":\"short\"}\n", "refused"),
            ("{\"do\":\"rec_show\",\"recording\":\"r-01J00000000000000000000000\"}\n", "not_found"),
        ] {
            assert_eq!(line.ask(request).await["error"]["kind"], kind, "{request}");
        }
        assert_eq!(line.ask("{\"do\":\"user_list\"}\n").await, json!({ "ok": [] }));
    }

    /// Every line of a listing, until its end.
    async fn listed(line: &mut Line, request: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut answer = line.ask(request).await;
        while let Some(item) = answer.get("item") {
            found.push(item.clone());
            answer = line.answer().await;
        }
        assert!(answer.get("ok").is_some(), "{answer}");
        found
    }

    /// AUD-01, AUD-05: each act with who, role, when, from where, what, on what, result and reason; what failed too, and
    /// the reading of the audit book itself.
    #[tokio::test]
    async fn every_act_leaves_a_beginning_and_an_outcome() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut line, _porter) = served(folder.path()).await;
        line.ask("{\"do\":\"user_remove\",\"name\":\"nobody\"}\n").await;
        line.ask("{\"do\":\"rec_verify\"}\n").await;
        line.ask("{\"do\":\"user_list\"}\n").await;
        let list = "{\"do\":\"audit_list\",\"query\":{\"limit\":50}}\n";
        let mut found = listed(&mut line, list).await;
        found.reverse();
        let told = |entry: &Value| {
            let text = |name: &str| entry[name].as_str().unwrap_or("-").to_string();
            (text("act"), text("on"), text("result"), entry["of"].as_u64())
        };
        let entry = |act: &str, on: &str, result: &str, of| (act.into(), on.into(), result.into(), of);
        assert_eq!(
            found.iter().map(told).collect::<Vec<_>>(),
            [
                entry("user.remove", "nobody", "begun", None),
                entry("user.remove", "nobody", "failed", Some(0)),
                entry("rec.verify", "-", "begun", None),
                entry("rec.verify", "-", "done", Some(2)),
                entry("user.list", "-", "begun", None),
                entry("user.list", "-", "done", Some(4)),
                entry("audit.list", "-", "begun", None),
            ]
        );
        assert_eq!(found[0]["who"]["uid"], rustix::process::geteuid().as_raw());
        assert!(found[0]["who"]["from"].as_str().expect("told").starts_with("socket, process "));
        assert!(found[0]["who"]["role"].is_string() && found[0]["at"].as_str().expect("told").ends_with('Z'));
        assert_eq!(found[3]["detail"]["clean"], true);
        let refused =
            "{\"do\":\"audit_list\",\"query\":{\"limit\":50,\"act\":\"user.\",\"result\":\"failed\"}}\n";
        assert_eq!(listed(&mut line, refused).await.len(), 1);
        let verified = line.ask("{\"do\":\"audit_verify\"}\n").await;
        assert_eq!((&verified["ok"]["clean"], &verified["ok"]["report"]["cdrs"]), (&json!(true), &json!(0)));
    }

    /// AUD-03: what cannot be audited is not done.
    #[test]
    fn without_an_audit_book_nothing_is_done() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut keys = Keyring::new();
        keys.insert(1, Secret::new([1; 32]));
        let keys = Arc::new(keys);
        let config = config::check(&folder.path().join("ledgerline.toml"), "").expect("defaults");
        let desk = Desk {
            users: Users::new(folder.path(), keys.clone(), "test"),
            settings: crate::io::settings::SettingsFile::new(folder.path(), keys.clone()),
            secrets: crate::io::secrets::Secrets::new(folder.path(), keys.clone()),
            people: People::new(folder.path(), keys.clone()),
            motions: Motions::new(folder.path(), keys.clone()),
            mode: config.node.mode,
            programs: crate::io::programs::Programs::new(folder.path(), keys),
            realm: "test".into(),
            store: None,
            site: crate::io::plans::site(&config),
            plan: config.plan,
            door: None,
            trunks: None,
            outside: None,
        };
        let act =
            Request::parse(b"{\"do\":\"user_add\",\"name\":\"bob\",\"numbers\":[]}").expect("a request");
        let Request::Do(act) = act else { panic!("another request") };
        let failure = desk.act(&Who::node().into(), act, &mut |_| true).expect_err("not audited");
        assert_eq!(failure.kind, Kind::Refused);
        assert!(desk.users.list().expect("readable").is_empty(), "and nothing was done");
    }

    #[tokio::test]
    async fn a_new_account_reaches_the_core_before_the_answer_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut line, mut porter) = served(folder.path()).await;
        let made = line.ask("{\"do\":\"user_add\",\"name\":\"bob\",\"numbers\":[\"8002\"]}\n").await;
        assert!(made["ok"]["password"].as_str().is_some_and(|password| password.len() >= 26), "{made}");
        match porter.knocks.try_recv() {
            Ok(Knock::Directory(directory)) => assert!(directory.find("8002").is_some()),
            _ => panic!("the core was not told"),
        }
    }

    #[tokio::test]
    async fn the_core_answers_for_itself_and_its_absence_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut line, mut porter) = served(folder.path()).await;
        let asked = tokio::spawn(async move {
            match porter.knocks.recv().await {
                Some(Knock::Ask { command: Command::Calls, answer }) => {
                    answer.send(Answer::Calls(Vec::new())).expect("waited for");
                }
                _ => panic!("another knock"),
            }
        });
        assert_eq!(
            line.ask("{\"ask\":\"calls\"}\n").await,
            json!({ "ok": { "answer": "calls", "value": [] } })
        );
        asked.await.expect("asked");
        let gone = line.ask("{\"ask\":\"calls\"}\n").await;
        assert_eq!(gone["error"]["text"], "the node is going down");
    }

    #[tokio::test]
    async fn a_watcher_sees_changes_and_how_many_it_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut line, porter) = served(folder.path()).await;
        line.writer.write_all(b"{\"do\":\"watch\"}\n").await.expect("sent");
        while porter.happenings.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        let call = CallView {
            id: CallId::from_bytes([1; 16]),
            began: Wall::default(),
            state: "opening".into(),
            caller: "alice".into(),
            dialled: "95599".into(),
            answered_by: None,
            recording: None,
            legs: Vec::new(),
        };
        let happening = Arc::new(Happening { at: Wall::default(), change: Change::Began, call });
        // Three more than the channel holds, while the watcher has no turn to read.
        for _ in 0..bounds::WATCH_LAG + 3 {
            porter.happenings.send(Arc::clone(&happening)).expect("watched");
        }
        assert_eq!(line.answer().await["item"]["missed"], 3);
        assert_eq!(line.answer().await["item"]["call"]["caller"], "alice");
    }

    #[tokio::test]
    async fn the_socket_is_the_owners_and_one_node_has_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("left behind"));
        let server = Server::bind(&path).expect("replaced");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(Server::bind(&path).expect_err("in use").kind(), io::ErrorKind::AddrInUse);
        drop(server);
        assert!(!path.exists());
        std::fs::write(&path, "somebody's").expect("written");
        assert_eq!(Server::bind(&path).expect_err("not ours").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).expect("untouched"), b"somebody's");
    }
}
