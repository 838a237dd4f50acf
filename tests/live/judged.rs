//! The agent's page and the rules for the end of a call, with real phones: the page is read as a browser reads it, the voices are
//! told by loudness alone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::node::PASSWORD;
use crate::talk::{self, Office};
use crate::world::{wait_for, wait_until};

const PAGE: &str = "127.0.0.1:8480";

/// Sends a request, and reads until the connection is closed or what is read holds `enough`.
fn ask(request: &str, enough: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(PAGE).expect("the page is served");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut read = String::new();
    read_on(&mut stream, &mut read, enough);
    (stream, read)
}

fn read_on(stream: &mut TcpStream, read: &mut String, enough: &str) {
    let mut piece = [0; 4_096];
    while !read.contains(enough) {
        match stream.read(&mut piece) {
            Ok(0) => return,
            Ok(n) => read.push_str(&String::from_utf8_lossy(&piece[..n])),
            Err(error) => panic!("{error}, after\n{read}"),
        }
    }
}

#[test]
fn an_agent_sees_the_call_on_the_page_and_the_finished_call_is_held_to_its_rules() {
    if !crate::world::entered() {
        return;
    }
    let node = talk::node(include_str!("plans/judged.plan"));
    node.add("screen", &format!("listen = \"{PAGE}\""));
    let mut office = Office::of(node, "udp");

    let body = format!("{{\"name\":\"bob\",\"password\":\"{PASSWORD}\"}}");
    let head = "Host: 127.0.0.1:8480\r\nConnection: close\r\n";
    let login = format!(
        "POST /login HTTP/1.1\r\n{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (_, answer) = ask(&login, "never");
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    let cookie = cookie.split(';').next().expect("a value");
    let (mut stream, mut events) =
        ask(&format!("GET /events HTTP/1.1\r\n{head}Cookie: {cookie}\r\n\r\n"), "data: []\n\n");

    let call = office.call("8002");
    let recording = call["recording"].as_str().expect("it is recorded").to_string();
    read_on(&mut stream, &mut events, "\"stage\":\"talks\"");
    for shown in ["a rate of 3 percent", "Greeting", "\"version\":\"v1\"", "8001"] {
        assert!(events.contains(shown), "{shown}\n{events}");
    }
    // Both phones speak all the time.
    office.talk(4);
    events.clear();
    office.hang_up();
    read_on(&mut stream, &mut events, "data: []");

    let found = wait_for("the findings", Duration::from_secs(10), || {
        let done = office.node.command(&["rec", "review", "--json"]);
        let found: Vec<Value> = serde_json::from_str(&done.out).ok()?;
        (!found.is_empty()).then_some((done.code, found))
    });
    assert_eq!(found.0, 1, "findings");
    let [one] = &found.1[..] else { panic!("one call: {found:#?}") };
    assert_eq!(one["recording"], Value::from(recording));
    let overlap = one["findings"][0]["value"].as_u64().expect("measured");
    assert_eq!(
        (&one["findings"][0]["what"], one["findings"].as_array().map(Vec::len)),
        (&"overlap".into(), Some(1))
    );
    assert!((2_500..7_000).contains(&overlap), "{overlap} ms");
    println!("both talked for {overlap} ms");
    wait_until("the plan's tag", Duration::from_secs(5), || {
        office.node.rows(&["rec", "search", "--tag", "both"]).len() == 1
    });
    let audited = office.node.rows(&["audit", "list", "--act", "person.login"]);
    assert!(
        audited
            .iter()
            .any(|entry| entry["who"]["from"].as_str().is_some_and(|from| from.starts_with("page")))
    );
    office.node.stop();
}
