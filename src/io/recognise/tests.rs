//! Streams to servers of the tests: vosk's protocol over real sockets.

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::base::Time;
use crate::compliance::words::{Party, Words};
use crate::media::FeedPiece;
use crate::speech::{Protocol, Said};

fn wanted() -> Wanted {
    let words = Arc::new(Words::compile(&[]).expect("no words"));
    Wanted { words, speaker: Party::Agent, intercepts: false }
}

fn call() -> CallId {
    CallId::from_bytes([1; 16])
}

fn configured(listener: &TcpListener, streams: usize) -> config::Recogniser {
    let port = listener.local_addr().expect("an address").port();
    let server = config::Server {
        protocol: Protocol::Vosk,
        url: format!("ws://127.0.0.1:{port}"),
        rate: 8_000,
        trust: None,
    };
    config::Recogniser {
        name: "one".into(),
        streams,
        silence: config::Silence::Send,
        kind: RecogniserKind::Server(server),
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}

/// So many pieces of 20 ms, the first at this sample of the feed.
fn speak(feeds: &Feeds, order: &Order, from: u64, pieces: u64) {
    let Order::Feed { call, leg, feed, rate } = *order else { panic!("{order:?}") };
    for n in 0..pieces {
        feeds.hand_on(FeedPiece {
            feed,
            call,
            leg,
            at: Time::ZERO,
            sample: from + n * 160,
            rate,
            samples: [7; 160].into(),
            silence: false,
            dropped: 0,
        });
    }
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = listener.accept().await.expect("somebody");
    let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
    let opening = socket.next().await.expect("a message").expect("whole");
    assert!(opening.into_text().expect("text").contains("\"sample_rate\":8000"));
    socket
}

async fn octets(socket: &mut WebSocketStream<TcpStream>, wanted: usize) {
    let mut have = 0;
    while have < wanted {
        have += socket.next().await.expect("a message").expect("whole").into_data().len();
    }
}

async fn news(told: &mut Receiver<Told>) -> News {
    let (of, leg, news) = told.recv().await.expect("news");
    assert_eq!((of, leg), (call(), LegId(1)));
    news
}

#[tokio::test]
async fn what_the_server_says_comes_back_at_its_place_and_a_new_server_goes_on_from_there() {
    let (listener, feeds) = (listener().await, Feeds::default());
    let (mut all, mut told) =
        Recognisers::new(&[configured(&listener, 1)], None, feeds.clone()).expect("usable");
    let order = all.begin(call(), LegId(1), wanted()).expect("room").expect("new");
    assert_eq!(
        all.begin(call(), LegId(2), wanted()).err(),
        Some(News::Deaf { why: "every recogniser is full".into() })
    );
    assert_eq!(all.view(), [("one".to_string(), 1, 1)]);
    let mut socket = accept(&listener).await;
    speak(&feeds, &order, 0, 50);
    octets(&mut socket, 16_000).await;
    socket.send(Message::text(r#"{"partial":"保 本"}"#)).await.expect("sent");
    let News::Said(said) = news(&mut told).await else { panic!("something was said") };
    assert_eq!((said.text.as_str(), said.segment, said.to_ms), ("保本", 0, 1_000));
    // The server dies; the sound of the meantime is gone, its time is not.
    drop(socket);
    assert!(matches!(news(&mut told).await, News::Deaf { why } if why.contains("one")));
    let mut socket = accept(&listener).await;
    assert_eq!(news(&mut told).await, News::Hears);
    speak(&feeds, &order, 5 * 8_000, 10);
    octets(&mut socket, 3_200).await;
    socket.send(Message::text(r#"{"partial":"保"}"#)).await.expect("sent");
    let News::Said(said) = news(&mut told).await else { panic!("something was said") };
    assert_eq!((said.segment, said.from_ms, said.to_ms), (1 << 32, 5_000, 5_200));
    // Ending it ends the stream in the server's own way, and frees its place.
    assert!(matches!(all.end(call(), LegId(1)), Some(Order::Unfeed { .. })));
    let last = socket.next().await.expect("a message").expect("whole");
    assert_eq!(last.into_text().expect("text").as_str(), "{\"eof\" : 1}");
    drop(socket);
    let free = std::sync::Arc::clone(&all.all[0].free);
    let _place = free.acquire().await.expect("it becomes free");
}

#[tokio::test]
async fn a_server_that_falls_behind_is_told_and_costs_the_others_nothing() {
    let (listener, feeds) = (listener().await, Feeds::default());
    let (mut all, mut told) =
        Recognisers::new(&[configured(&listener, 1)], None, feeds.clone()).expect("usable");
    let order = all.begin(call(), LegId(1), wanted()).expect("room").expect("new");
    // It is never accepted, so nothing is taken: the queue runs over, and handing on goes on at once.
    speak(&feeds, &order, 0, 3 * bounds::HEARING as u64);
    let mut socket = accept(&listener).await;
    octets(&mut socket, bounds::HEARING * 320).await;
    speak(&feeds, &order, 3 * 160 * bounds::HEARING as u64, 1);
    let News::Deaf { why } = news(&mut told).await else { panic!("behind") };
    assert!(why.contains("does not keep up: 4000 ms"), "{why}");
}

#[tokio::test]
async fn nonsense_and_no_server_are_told() {
    let (listener, feeds) = (listener().await, Feeds::default());
    let (mut none, _) = Recognisers::new(&[], None, feeds.clone()).expect("usable");
    assert!(
        matches!(none.begin(call(), LegId(1), wanted()), Err(News::Deaf { why }) if why.contains("configured"))
    );
    let (mut all, mut told) =
        Recognisers::new(&[configured(&listener, 1)], None, feeds.clone()).expect("usable");
    all.begin(call(), LegId(1), wanted()).expect("room");
    let mut socket = accept(&listener).await;
    socket.send(Message::text("<html>身份证")).await.expect("sent");
    let News::Deaf { why } = news(&mut told).await else { panic!("unreadable") };
    assert!(why.contains("vosk") && !why.contains("身份证"), "{why}");
}

/// An engine that says how much it has heard, after every tenth of a second.
struct Counting;

struct Counted(u64);

impl inside::Engine for Counting {
    fn rate(&self) -> u32 {
        8_000
    }

    fn listener(&self, _: &Wanted) -> Box<dyn crate::speech::Listener> {
        Box::new(Counted(0))
    }

    fn minds_words(&self) -> bool {
        true
    }
}

impl crate::speech::Listener for Counted {
    fn sound(&mut self, samples: &[i16]) -> Vec<Said> {
        self.0 += samples.len() as u64;
        let ms = self.0 / 8;
        if ms.is_multiple_of(100) { vec![heard(ms, false)] } else { Vec::new() }
    }

    fn close(&mut self) -> Vec<Said> {
        vec![heard(self.0 / 8, true)]
    }
}

fn heard(ms: u64, last: bool) -> Said {
    Said { segment: 0, text: "保".into(), from_ms: ms, to_ms: ms, marks: Vec::new(), last }
}

/// A recogniser within the node, of which two parties are taken.
fn within(feeds: &Feeds) -> (Recognisers, Receiver<Told>) {
    let (mut all, told) = Recognisers::new(&[], None, feeds.clone()).expect("usable");
    let pool = Pool::start(Arc::new(Counting), 1, all.told.clone()).expect("a thread");
    let built_in = config::BuiltIn { weights: None, thresholds: None, threads: 1 };
    let kind = RecogniserKind::BuiltIn(built_in);
    let config = config::Recogniser { name: "own".into(), streams: 2, silence: config::Silence::Send, kind };
    let free = Arc::new(Semaphore::new(2));
    all.all.push(Recogniser { config, way: Way::Inside(Arc::new(pool)), free });
    (all, told)
}

async fn said(told: &mut Receiver<Told>) -> Said {
    match news(told).await {
        News::Said(said) => said,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_recogniser_within_the_node_hears_to_the_end_and_begins_anew_for_other_words() {
    let feeds = Feeds::default();
    let (mut all, mut told) = within(&feeds);
    let careless = Wanted { intercepts: true, ..wanted() };
    let refused = all.begin(call(), LegId(1), careless).expect_err("it was not calibrated");
    assert!(matches!(refused, News::Deaf { why } if why.contains("calibrated")));
    let order = all.begin(call(), LegId(1), wanted()).expect("room").expect("new");
    speak(&feeds, &order, 8_000, 5);
    // The feed's first sample stood at a second.
    assert_eq!(said(&mut told).await, heard(1_100, false));
    assert!(all.begin(call(), LegId(1), wanted()).expect("known").is_none(), "it is fed already");
    tokio::task::yield_now().await;
    speak(&feeds, &order, 8_800, 5);
    let last = said(&mut told).await;
    assert_eq!((last.to_ms, last.last), (1_100, true), "the old words' last");
    let next = said(&mut told).await;
    assert_eq!((next.segment, next.to_ms, next.last), (1 << 32, 1_200, false));
    assert!(matches!(all.end(call(), LegId(1)), Some(Order::Unfeed { .. })));
    assert!(said(&mut told).await.last);
    let free = Arc::clone(&all.all[0].free);
    let _places = free.acquire_many(2).await.expect("they become free");
}

#[tokio::test]
async fn a_thread_that_falls_behind_is_told_and_what_it_lost_still_counts() {
    let feeds = Feeds::default();
    let (mut all, mut told) = within(&feeds);
    let order = all.begin(call(), LegId(1), wanted()).expect("room").expect("new");
    // The stream's task has had no turn yet: the queue runs over.
    speak(&feeds, &order, 0, 2 * bounds::HEARING as u64);
    for tenth in 1..=20 {
        assert_eq!(said(&mut told).await, heard(tenth * 100, false));
    }
    speak(&feeds, &order, 2 * 160 * bounds::HEARING as u64, 5);
    let News::Deaf { why } = news(&mut told).await else { panic!("behind") };
    assert!(why.contains("own") && why.contains("2000 ms"), "{why}");
    let mut rest = [news(&mut told).await, news(&mut told).await, news(&mut told).await];
    rest.sort_by_key(|one| matches!(one, News::Said(said) if !said.last));
    assert!(rest.contains(&News::Hears));
    let News::Said(next) = &rest[2] else { panic!("{rest:?}") };
    assert_eq!((next.segment, next.to_ms), (1 << 32, 4_100));
}
