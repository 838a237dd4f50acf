//! A page as a browser meets it: over a socket, as octets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::server::{Entrance, Guest};
use super::{Hub, Server, Start};
use crate::base::{CallId, Secret};
use crate::call::{OnPage, Page};

/// Lets anna in, for bob's calls, with one password.
struct Porter;

impl Entrance for Porter {
    fn log_in(
        &self,
        _: IpAddr,
        name: &str,
        password: Secret<String>,
        _: Option<String>,
    ) -> Result<Guest, String> {
        match (name, password.expose().as_str()) {
            ("anna", "correct-horse-7") => {
                Ok(Guest { account: "anna".into(), user: "bob".into(), token: Secret::new("t".into()) })
            }
            _ => Err("the name, the password or the code is wrong".into()),
        }
    }

    fn go_on(&self, _: IpAddr, _: &Secret<String>) -> Result<Guest, String> {
        Err("over".into())
    }
}

fn served() -> (SocketAddr, Hub, mpsc::Receiver<(String, bool)>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("bound");
    let (hub, opened) = Hub::new();
    let start = Start { listener, tls: None, entrance: Arc::new(Porter), hub: hub.clone() };
    tokio::spawn(Server::serve(start));
    (at, hub, opened)
}

/// Sends a request and reads until `enough` is there, or the end.
async fn ask(at: SocketAddr, request: &str, enough: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(at).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut read = String::new();
    read_until(&mut stream, &mut read, enough).await;
    (stream, read)
}

async fn read_until(stream: &mut TcpStream, read: &mut String, enough: &str) {
    let reading = async {
        let mut piece = [0; 4_096];
        while !read.contains(enough) {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(n) => read.push_str(&String::from_utf8_lossy(&piece[..n])),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reading).await.expect("an answer");
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: page.test\r\nConnection: close\r\n{more}\r\n")
}

fn login(password: &str, more: &str) -> String {
    let body = format!("{{\"name\":\"anna\",\"password\":\"{password}\"}}");
    let length = body.len();
    format!(
        "POST /login HTTP/1.1\r\nHost: page.test\r\nConnection: close\r\n{more}Content-Length: {length}\r\n\r\n{body}"
    )
}

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn nobody_sees_anything_without_logging_in_from_the_page_itself() {
    let (at, ..) = served();
    for (request, status) in [
        (get("/", ""), 200),
        (get("/page.js", ""), 200),
        (get("/page.css", ""), 200),
        (get("/me", ""), 401),
        (get("/events", ""), 401),
        (get("/events", "Cookie: ledgerline-page=0\r\n"), 401),
        (get("/../ledgerline.toml", ""), 404),
        (login("wrong", JSON), 403),
        (login("correct-horse-7", ""), 403),
        (login("correct-horse-7", &format!("{JSON}Origin: https://elsewhere.test\r\n")), 403),
        (login(&"x".repeat(9_000), JSON), 413),
    ] {
        let (_, answer) = ask(at, &request, "no such text").await;
        let line = request.lines().next().unwrap_or_default();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        assert!(answer.contains("content-security-policy: default-src 'none'"), "{line}");
    }
}

#[tokio::test]
async fn a_page_is_told_what_its_user_is_to_see_while_it_is_open() {
    let (at, hub, mut opened) = served();
    let (_, answer) =
        ask(at, &login("correct-horse-7", &format!("{JSON}Origin: http://page.test\r\n")), "x-").await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap_or_default());
    let (_, me) = ask(at, &get("/me", &cookie), "}").await;
    assert!(me.ends_with("{\"account\":\"anna\",\"user\":\"bob\"}"), "{me}");

    let (mut stream, mut events) = ask(at, &get("/events", &cookie), "data: []\n\n").await;
    assert_eq!(opened.recv().await, Some(("bob".to_string(), true)), "the core is told that somebody looks");
    let call = CallId::from_bytes([1; 16]);
    let page = Page {
        call: call.to_string(),
        stage: "talks".into(),
        caller: "138****5678".into(),
        shows: vec![OnPage::Value { name: "grade".into(), text: "gold".into() }],
        cards: Vec::new(),
        texts: vec!["do not say: 保本".into()],
        hits: Vec::new(),
    };
    hub.show("carol", call, Some(page.clone()));
    hub.show("bob", call, Some(page));
    read_until(&mut stream, &mut events, "保本").await;
    assert!(events.contains("138****5678") && events.contains("gold"), "{events}");
    hub.show("bob", call, None);
    drop(stream);
    // The server notices with its next word.
    hub.show("bob", call, None);
    let closed = tokio::time::timeout(Duration::from_secs(20), opened.recv()).await;
    assert_eq!(closed.ok().flatten(), Some(("bob".to_string(), false)));
    let (_, out) = ask(at, &format!("POST /logout HTTP/1.1\r\nHost: page.test\r\nConnection: close\r\n{JSON}{cookie}Content-Length: 2\r\n\r\n{{}}"), "x-").await;
    assert!(out.starts_with("HTTP/1.1 204 "), "{out}");
    let (_, me) = ask(at, &get("/me", &cookie), "no such text").await;
    assert!(me.starts_with("HTTP/1.1 401 "), "logged out is out: {me}");
}
