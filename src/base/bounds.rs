//! Every bound of the switch, each with its reason. A queue, map, loop or message without a line here is a fault.

use std::time::Duration;

mod speech;

pub use speech::*;

/// Octets of one SIP message. A UDP datagram cannot be longer; streams are held to the same.
pub const MESSAGE_BYTES: usize = 65_535;

/// Header fields of one message: RFC 4475's longest has 60; parsers must stay linear.
pub const HEADERS: usize = 256;

/// Via entries of one message: more than Max-Forwards' default of 70 cannot be honest.
pub const VIAS: usize = 71;

/// Transactions in all: at 1 500 calls a second some 100 live for each call of a second (two INVITEs and a BYE over UDP for 32 s each).
/// Past it new requests get 503 and cost nothing.
pub const TRANSACTIONS: usize = 262_144;

/// Dialogs that one INVITE of ours may make by forking beyond us; answers of further forks are not followed.
pub const FORKED_DIALOGS: usize = 16;

/// Entries of a dialog's route set.
pub const ROUTES: usize = 16;

/// Parameters of one URI or header value; comparing two URIs looks at every pair.
pub const PARAMS: usize = 64;

/// How long a half-sent message may stay on a stream before it is closed (slowloris).
pub const STREAM_HEADER_DEADLINE: Duration = Duration::from_secs(5);

/// Octets of a request that still go into one datagram (RFC 3261 §18.1.1: 1300 where the path's MTU is not known).
pub const UDP_REQUEST_BYTES: usize = 1_300;

/// How long a peer that refused TCP is sent large requests over UDP without asking again: a desk phone gets TCP by a change of
/// its settings, not by itself, and asking one behind a silent firewall costs a caller [`CONNECT`].
pub const NO_TCP: Duration = Duration::from_secs(3_600);

/// Peers of which that is remembered; past it they are asked each time.
pub const NO_TCP_PEERS: usize = 4_096;

/// Octets of the HTTP request that opens a WebSocket: a browser with large cookies stays below.
pub const HANDSHAKE_BYTES: usize = 8 << 10;

/// Questions to the DNS for one URI: NAPTR, three services, and the hosts of each.
pub const LOCATE_QUESTIONS: usize = 16;

/// Places that one URI may lead to: more are never tried in one call.
pub const PLACES: usize = 8;

/// How long a search in the DNS may take in all; then what was found must do.
pub const LOCATE: Duration = Duration::from_secs(4);

/// The longest that a place is left for last, whatever its Retry-After says.
pub const DEAD_MOST: Duration = Duration::from_secs(600);

/// Proofs that are given to a trunk for one request; one that wants more is playing.
pub const PROOFS: u8 = 2;

/// How often a trunk's hosts are looked up again: an hour would keep calls at a host that the carrier has moved.
pub const TRUNK_LOCATE: Duration = Duration::from_secs(300);

/// How soon something of a trunk that failed is tried again.
pub const TRUNK_RETRY: Duration = Duration::from_secs(30);

/// How long a trunk's host that failed a call is left for last.
pub const TRUNK_REST: Duration = Duration::from_secs(30);

/// How long a trunk's host may stay silent to an INVITE, without even a 100, before the call is tried at the next: ten times a slow round
/// trip, and short enough for a caller to stay.
pub const TRUNK_SILENCE: Duration = Duration::from_secs(5);

/// Trunks of one node.
pub const TRUNKS: usize = 256;

/// How long a TLS handshake may take: four round trips to the moon; who dawdles is a slowloris.
pub const HANDSHAKE: Duration = Duration::from_secs(5);

/// Addresses whose TLS names are remembered for connections that the switch opens: every host of every trunk.
pub const TLS_NAMES: usize = 1_024;

/// How often the certificate files are looked at: a renewed one is shown to the next phone within seconds, and a stat costs nothing.
pub const CERTIFICATE_WATCH: Duration = Duration::from_secs(2);

/// How seldom a failure that strangers can cause at will is written to the log.
pub const SELDOM: Duration = Duration::from_secs(10);

/// Stream connections from one address: an office behind one NAT fits, an attacker's thousands do not.
pub const CONNECTIONS_PER_SOURCE: usize = 512;

/// Stream connections in all.
pub const CONNECTIONS: usize = 16_384;

/// Octets waiting for a stream peer that does not read; then the connection is cut.
pub const WRITE_QUEUE_BYTES: usize = 1 << 20;

/// Bindings of one user: desk phone, softphone, mobile and two spare.
pub const BINDINGS_PER_USER: usize = 5;

/// Temporary GRUUs of one contact that stay good: those of its last refreshes, an hour or more of them.
pub const TEMPORARY_GRUUS: usize = 4;

/// Batches of changed registrations that wait for their writer; past it the core keeps them to itself.
pub const REGISTRATION_BATCHES: usize = 4;

/// How often a contact is asked whether it is there, unless the configuration says otherwise: twenty thousand contacts are 330
/// questions a second.
pub const PING: Duration = Duration::from_secs(60);

/// Questions to contacts that may wait for their answers at once: a minute's worth of unreachable phones must not fill the
/// transaction layer.
pub const PINGS: usize = 16_384;

/// The briefest registration that is taken (else 423): below it a site's phones do nothing but register.
pub const EXPIRES_MIN: Duration = Duration::from_secs(60);

/// The longest registration: a phone that vanished is noticed within this.
pub const EXPIRES_MAX: Duration = Duration::from_secs(7_200);

/// A registration that says nothing of its length (RFC 3261 §10.2.1.1).
pub const EXPIRES_DEFAULT: Duration = Duration::from_secs(3_600);

/// Characters kept of a device's name (`+sip.instance`): a UUID with its prefix and brackets has 47.
pub const INSTANCE_CHARS: usize = 128;

/// Characters kept of what a phone calls itself.
pub const USER_AGENT_CHARS: usize = 80;

/// How long a source or a user's name at a source is locked out after too many wrong passwords, unless the configuration says otherwise.
pub const BAN: Duration = Duration::from_secs(900);

/// Bans at once; with more the one that ends first goes. An attacker with more addresses than this is the firewall's.
pub const BANS: usize = 4_096;

/// Sources (and users) whose rates are remembered, some 150 octets each; the longest unused are forgotten, and begin anew.
pub const GUARDED_SOURCES: usize = 65_536;

/// Addresses and ports that have proven an account, some 150 octets each: three times the phones of a large site.
pub const PROVEN_PEERS: usize = 65_536;

/// How long a digest nonce serves; then the phone is asked to take a new one (`stale=true`).
pub const NONCE_LIFETIME: Duration = Duration::from_secs(300);

/// Nonces whose counts are remembered, 40 octets each: 200 authenticated requests a second that never reuse one. Past it the
/// oldest is forgotten and counts as used.
pub const NONCES: usize = 65_536;

/// How long a user's preferred contacts ring before the less preferred ones (RFC 3261 §10.2.1.2, q) join in: three rings.
pub const PREFERENCE_STEP: Duration = Duration::from_secs(15);

/// How long phones ring before a forward of unanswered calls, unless the user says otherwise: four rings.
pub const FORWARD_AFTER: Duration = Duration::from_secs(20);

/// Times that one call may be passed on by forwards: people's chains are shorter, loops longer.
pub const DIVERSIONS: usize = 5;

/// Call backs that one user may wait for at once: people remember no more.
pub const CALL_BACKS_PER_USER: usize = 4;

/// Call backs that wait in all, some 200 octets each.
pub const CALL_BACKS: usize = 4_096;

/// How long a call back waits for its two to be free, unless the configuration says otherwise.
pub const CALL_BACK: Duration = Duration::from_secs(1_800);

/// How long both are free before a call back rings: whoever hangs up to dial anew is let through first.
pub const CALL_BACK_PAUSE: Duration = Duration::from_secs(3);

/// How long the next who waits for the same person leaves the first alone: its phones ring for 30 s.
pub const CALL_BACK_TURN: Duration = Duration::from_secs(35);

/// Legs that one `dial` may ring at once.
pub const FORKS: usize = 32;

/// Legs that one call may have in its life: a conference of two hundred, with some who come again.
pub const LEGS_PER_CALL: usize = 256;

/// Steps a plan may take without anybody acting; a checked plan stays far below.
pub const PLAN_STEPS: usize = 10_000;

/// Pairs of places that one comparison of two plans looks at from each route: a plan of ten thousand statements needs as many; only
/// plans of which every statement differs under every condition come near it.
pub const PLAN_DIFF_PAIRS: usize = 50_000;

/// Octets of one plan file: twenty thousand lines, far more than people can review.
pub const PLAN_FILE_BYTES: usize = 1 << 20;

/// Plan files of one program.
pub const PLAN_FILES: usize = 256;

/// How deep blocks and conditions of a plan may be nested; keeps the parser's stack small.
pub const PLAN_NESTING: usize = 64;

/// Octets of a lookup's answer: a few fields; a page of HTML is longer and is none.
pub const LOOKUP_ANSWER_BYTES: usize = 64 << 10;

/// Questions to systems outside that are under way at one time: each may hold an answer of 64 KiB.
pub const OUTSIDE: usize = 1_024;

/// Questions to one host at one time, and connections to it that are kept open: more would only queue up there.
pub const OUTSIDE_PER_HOST: usize = 32;

/// How long a connection is kept for the next question: servers close theirs after a minute or so.
pub const OUTSIDE_IDLE: Duration = Duration::from_secs(30);

/// Failures in a row after which a host is left alone, and for how long: callers hear the `else` at once instead of waiting each for
/// the whole timeout.
pub const OUTSIDE_FAILURES: u32 = 5;

/// See [`OUTSIDE_FAILURES`].
pub const OUTSIDE_REST: Duration = Duration::from_secs(5);

/// How long a webhook may take to answer.
pub const WEBHOOK: Duration = Duration::from_secs(10);

/// Letters to webhooks that wait: a thousand calls' worth, ten megabytes.
pub const OUTBOX: usize = 10_000;

/// How long a letter is tried.
pub const OUTBOX_KEEPS: Duration = Duration::from_secs(24 * 3_600);

/// Programs whose text and sounds a node keeps: years of changes, and little beside recordings.
pub const PROGRAMS: usize = 100;

/// Lines of the history of programs.
pub const PROGRAM_STEPS: usize = 1_000;

/// Files of a plan folder that are watched, prompts included.
pub const PLAN_WATCHED: usize = 10_000;

/// Lines of one file that are compared with those of another one by one; longer files are told as a whole.
pub const COMPARED_LINES: usize = 2_000;

/// Tests that one program may hold; each is a simulated call.
pub const PLAN_TESTS: usize = 10_000;

/// Characters of a text that a plan makes for a tag, an event or a screen; longer ones are cut.
pub const PLAN_TEXT: usize = 1_000;
/// Letters of one alternative of a sensitive phrase: a sentence; longer ones nobody repeats word for word.
pub const WORD_LETTERS: usize = 64;

/// Parts of one phrase: texts, gaps' ends, runs of digits.
pub const WORD_PARTS: usize = 8;

/// Alternatives of one part, and ways that readings of several syllables give one text.
pub const WORD_WAYS: usize = 32;

/// Ways to read one text that a spotter listens for: each costs tokens, and beyond these none is what people say.
pub const SPOTTED_WAYS: usize = 8;

/// Letters that may stand between two parts of a phrase: a long sentence.
pub const WORD_GAP: u32 = 100;

/// Sets of words of one node.
pub const WORD_SETS: usize = 256;

/// Compiled sets of words that are kept for running calls: the program of now, those of calls that last, a version's turn at midnight.
pub const LEXICA: usize = 4;

/// Findings that one check reports; nobody reads more at once.
pub const PLAN_FINDINGS: usize = 1_000;

/// Positions of one number pattern; RFC 3966 numbers have 15 digits, user names up to 64 characters.
pub const PATTERN_POSITIONS: usize = 64;

/// Entries of one call's trace. Later entries are counted, not kept.
pub const TRACE_ENTRIES: usize = 2_000;

/// `m=` lines of one session description.
pub const MEDIA_LINES: usize = 16;

/// Attributes of one line of video or fax that are passed on: a phone with four codecs and feedback for each has thirty.
pub const STRAND_ATTRIBUTES: usize = 64;

/// Kilobits a second of video that one party may send, unless the configuration says otherwise: 1080p of H.264 at 30 frames. Ten such
/// calls fill a tenth of a gigabit link, and a recording of one grows by 1.8 GB an hour and side.
pub const VIDEO_KBPS: u32 = 4_096;

/// Bits a second that one party may send as fax: V.34 (33 600) four times over for redundancy, and its headers. A fax machine
/// that sends more is none.
pub const FAX_BITS_PER_S: u32 = 256_000;

/// Formats of one `m=` line.
pub const FORMATS: usize = 64;

/// Lines of one session description: a WebRTC offer with every candidate has some 300.
pub const SDP_LINES: usize = 1_024;

/// Packets waiting for one recording between the tap and the vault: two seconds of two tracks.
pub const TAP_PACKETS: usize = 256;

/// Octets of one batch from the tap: well above 100 ms of two tracks of anything, and one chunk can hold it.
pub const BATCH_BYTES: usize = 256 << 10;

/// Plaintext octets of one sealed chunk: a reader allocates so much at most on the word of a length field.
pub const CHUNK_BYTES: usize = 1 << 20;

/// Damages that are reported of one file: past that it is simply broken.
pub const DAMAGES: usize = 1_000;

/// Pieces noted of a damaged file in order to name its damages: three hours of it, 16 MB of memory.
pub const DAMAGE_TRAIL: usize = 1 << 18;

/// The longest sound that is decoded into one file: a working day (0.9 GB of samples).
pub const SOUND: Duration = Duration::from_secs(16 * 3_600);

/// Octets of one file of video and fax in a package: sealed for its recipient it is in memory whole, three times over.
pub const CAPTURE_BYTES: usize = 64 << 20;

/// Spans that are cut out of one redacted copy: more than anybody marks by hand in a day's call.
pub const CUTS: usize = 1_000;

/// The longest recording that is played to a phone: 16 kB a second in both laws, 115 MB.
pub const PLAYBACK: Duration = Duration::from_secs(2 * 3_600);

/// Recordings that are played to phones at one time: each is in memory whole.
pub const PLAYBACKS: usize = 8;

/// How often one file of a package is tried at an endpoint: with pauses that double up to a minute, some five minutes.
pub const UPLOAD_TRIES: u32 = 12;

/// How long one file of a package may take on its way.
pub const UPLOAD: Duration = Duration::from_secs(600);

/// Octets of an endpoint's receipt that are kept: a signed statement and its certificates fit.
pub const RECEIPT_BYTES: usize = 16 << 10;

/// Recordings of a package that are asked for at once: their entries in the audit book become durable together.
pub const EXPORT_AT_ONCE: usize = 64;

/// Octets of one item derived from a recording: Opus of [`SOUND`] at 32 kbit/s. It is in memory whole, twice over.
pub const DERIVED_BYTES: usize = 256 << 20;

/// Octets in the store's journal that wait for an fdatasync: two seconds of 2 000 recordings of two tracks of G.711. A disk
/// that is further behind gets no more until it returns.
pub const UNSYNCED_BYTES: usize = 64 << 20;

/// Octets of sound of one recording that wait while the disk takes nothing: four seconds of two tracks of G.711.
pub const UNSEALED_BYTES: usize = 64 << 10;

/// Octets of events of one recording that wait for the next flush: a thousand key presses in 100 ms are no person's.
pub const EVENT_BYTES: usize = 64 << 10;

/// Items waiting for the index: past that it reads them from the files.
pub const INDEX_MESSAGES: usize = 4_096;

/// Octets of one segment of the log of call detail records: some ten thousand records, opened in some ten milliseconds.
pub const LOG_SEGMENT_BYTES: u64 = 8 << 20;

/// Batches waiting for the store's writer, of all recordings: two seconds of 2 000 recordings at ten batches a second
/// would be 40 000; 0.8 s of them is where a disk counts as stuck.
pub const TAP_BATCHES: usize = 16_384;

/// Orders waiting for the store's writer: a burst of 1 500 calls a second for ten seconds, two orders each.
pub const STORE_ORDERS: usize = 32_768;

/// A dial without a stated time rings this long.
pub const RING: Duration = Duration::from_secs(60);

/// Sounds of one play order: a menu in two languages with spoken numbers stays below.
pub const SOUNDS: usize = 64;

/// Keys of one order to send keys: longer than any number, account or card.
pub const KEYS: usize = 64;

/// The longest prompt: music on hold is the longest that anybody loads (19 MB in both laws).
pub const PROMPT: Duration = Duration::from_secs(20 * 60);

/// A leg from which nothing comes for this long is reported, and again after each such span.
pub const QUIET: Duration = Duration::from_secs(10);

/// Administrators who wait for the figures of a call at one time; more are shown the last that are known.
pub const LOOKS: usize = 256;

/// The longest delay line: what intercepting screens need at most; recognisers take 0.4 to 1.5 s.
pub const DELAY: Duration = Duration::from_secs(2);

/// Feeds of one leg: a transcript, two screens, a recorder of a third party, and as many again.
pub const FEEDS: usize = 8;

/// Pieces of sound (20 ms) that one media worker keeps for recognisers: a second of 80 feeds, 2.7 MB at 16 kHz.
pub const FEED_PIECES: usize = 4_096;

/// Orders that may wait for one media worker: half a second of its share of 1 500 calls a second.
pub const MEDIA_ORDERS: usize = 8_192;

/// News of the media plane that may wait for the core.
pub const MEDIA_NEWS: usize = 16_384;

/// News that one media worker keeps for itself when the core's queue is full; past it they are dropped and counted.
pub const MEDIA_NEWS_KEPT: usize = 16_384;
/// An INVITE that rings without a final answer is cancelled after this (Timer C, RFC 3261 §16.6 item 11: more than three minutes).
pub const TIMER_C: Duration = Duration::from_secs(300);

/// Accounts of one node: ten times the seats of a large site; the sealed file stays below a hundred megabytes.
pub const USERS: usize = 100_000;

/// What stream connections may tell the control task before it looks; then they wait, and so do their peers.
pub const STREAM_EVENTS: usize = 1_024;

/// How long a peer may take to accept a connection of ours: a machine that is there answers in a round trip, and a forked
/// call should not wait for one that is not.
pub const CONNECT: Duration = Duration::from_secs(4);

/// How long a new stream connection may stay silent before its first message.
pub const STREAM_FIRST: Duration = Duration::from_secs(32);

/// How long a stream connection may stay silent afterwards: longer than the longest registration.
pub const STREAM_IDLE: Duration = Duration::from_secs(7_500);

/// How long a stream connection may be silent before the system asks the peer's system whether it is there (RFC 9293 §3.8.4).
pub const STREAM_PROBE: Duration = Duration::from_secs(120);

/// Octets of one request over the admin socket.
pub const ADMIN_REQUEST_BYTES: usize = 64 << 10;

/// Clients of the admin socket at one time.
pub const ADMIN_CLIENTS: usize = 64;

/// Changes in calls' lives that a watching client may lag behind; then it is told how many it missed.
pub const WATCH_LAG: usize = 1_024;

/// Rows that one search of recordings returns.
pub const SEARCH_ROWS: usize = 10_000;

/// How long the node waits at its end for calls to end and recordings to close.
pub const DRAIN: Duration = Duration::from_secs(5);

/// Media orders that wait while the plane has no room: every leg of two thousand calls may want to end at once.
pub const HELD_ORDERS: usize = 65_536;

/// Running calls: memory stays below a gigabyte at some 40 kB a recorded call.
pub const CALLS: usize = 20_000;

/// Characters of a name that a telephone shows: no display has more, and a longer one only fills logs and records.
pub const DISPLAY_CHARS: usize = 128;

/// Octets of a dialled number or name.
pub const DIALLED: usize = 128;

/// Log lines that wait to be written: a few seconds of a busy node while the reader of the log is at something else.
pub const LOG_LINES: usize = 8_192;

/// The briefest subscription or publication that is taken (else 423): below it phones do nothing but refresh.
pub const EVENT_EXPIRES_MIN: Duration = Duration::from_secs(60);

/// The longest subscription or publication: a watcher that vanished costs NOTIFYs no longer than this.
pub const EVENT_EXPIRES_MAX: Duration = Duration::from_secs(7_200);

/// A subscription or publication that says nothing of its length: an hour (RFC 4235 §3.4, RFC 3856 §6.4).
pub const EVENT_EXPIRES_DEFAULT: Duration = Duration::from_secs(3_600);

/// Between two NOTIFYs of one subscription that its watcher did not ask for: a lamp that changes faster tells nobody anything.
pub const NOTIFY_GAP: Duration = Duration::from_secs(1);

/// Subscriptions of one user: five phones with a side car of some 200 keys each.
pub const SUBSCRIPTIONS_PER_USER: usize = 1_024;

/// Subscriptions of a node: memory stays below 200 megabytes at some 1.5 kB each.
pub const SUBSCRIPTIONS: usize = 131_072;

/// Dialogs in one busy lamp's document: a phone shows two or three calls, and a NOTIFY should fit into few datagrams.
pub const LINES_TOLD: usize = 16;

/// Publications of one user: one a phone, and those of phones that have restarted since and forgotten their tags.
pub const PUBLICATIONS_PER_USER: usize = 8;

/// Octets of one published document: real ones have one or two kilobytes.
pub const PUBLISHED_BYTES: usize = 16 << 10;

/// How deep a published document may be nested: PIDF with RPID needs six.
pub const XML_NESTING: usize = 16;

/// Elements of one published document.
pub const XML_ELEMENTS: usize = 256;

/// Octets of one MESSAGE's body (RFC 3428 §8): it must fit into a datagram with its headers.
pub const TEXT_BYTES: usize = 1_300;

/// How long the phones of a text's addressee may take to answer: its sender gives up after 32 s (64 × T1).
pub const TEXT_WAIT: Duration = Duration::from_secs(28);

/// Characters kept of a published note: what a phone's display can show.
pub const PRESENCE_NOTE_CHARS: usize = 128;

/// The longest session interval in seconds that is agreed to (RFC 4028): a day, as long as any call.
pub const SESSION_EXPIRES_S: u32 = 86_400;

/// Provisional responses that wait for the PRACK of the one before them; 180 and 183 take turns at most a few times.
pub const PROVISIONALS: usize = 8;

/// How long an approval holds, from the moment the act was laid before others: who approves on Monday has not approved
/// what the world looks like on Wednesday (DUAL-04).
pub const APPROVAL_HOLDS: Duration = Duration::from_secs(24 * 3_600);

/// How far a signer's clock may be ahead of the node's: people's machines are not on the node's time source.
pub const APPROVAL_SKEW: Duration = Duration::from_secs(300);

/// Octets of the text that is approved: the list of a package of [`EXPORT`] recordings fits.
pub const APPROVAL_TEXT_BYTES: usize = 4 << 20;

/// Recordings in one package: what a regulator asks of a busy month. Their list is what is approved.
pub const EXPORT: usize = 100_000;

/// Votes on one act: more people than any act needs.
pub const APPROVAL_VOTES: usize = 16;
/// Longest message to a log server. RFC 5424 §6.1 has receivers take 480 octets and asks for 2 048; a head is 560.
pub const SYSLOG_BYTES: usize = 2_048;

/// Accounts of people: administrators and listeners of the largest site, ten times over.
pub const PEOPLE: usize = 10_000;

/// Wrong passwords or codes in a row after which an account is locked (DUAL-07): typing errors pass, guessing does not.
pub const WRONG_TRIES: u32 = 5;

/// How long it is locked: 480 tries a day against passwords of 12 characters; whoever it belongs to comes back by himself.
pub const LOCKED: Duration = Duration::from_secs(15 * 60);

/// How long a session lives without being used (HIPAA 45 CFR 164.312(a)(2)(iii)).
pub const SESSION_IDLE: Duration = Duration::from_secs(15 * 60);

/// How long a session lives at all: a long shift.
pub const SESSION: Duration = Duration::from_secs(12 * 3_600);

/// How long a proof of presence holds for hearing and unmasking: a few recordings of one case.
pub const STEP_UP: Duration = Duration::from_secs(5 * 60);

/// How long the break-glass account serves once it was opened; then it waits for its review (DUAL-06).
pub const BREAK_GLASS: Duration = Duration::from_secs(3_600);

/// Recordings whose numbers and names one person may see unmasked a day (PII-04).
pub const REVEALS_A_DAY: u32 = 50;

/// Characters of a purpose: a sentence, not a report.
pub const PURPOSE: usize = 500;

/// Motions that are kept for looking up; the oldest that are closed go first.
pub const MOTIONS: usize = 1_000;

/// Recordings of one destruction: as many as can be named in the text that is approved.
pub const JOB_RECORDINGS: usize = 10_000;
