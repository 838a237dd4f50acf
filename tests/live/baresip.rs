//! baresip as a phone without a desk: it speaks a tone from a file, writes down what it hears, and is told what to do over
//! its control socket.
//!
//! It refuses 127.0.0.1, so it lives at the world's own address.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ear;
use crate::node::PASSWORD;
use crate::world::{PHONES, wait_for};

/// A phone at its desk.
pub struct Baresip {
    child: Child,
    folder: TempDir,
    control: TcpStream,
    /// What came over the control socket and was not read yet.
    unread: Vec<u8>,
}

/// Who the phone is and what it sounds like.
pub struct Phone<'a> {
    pub user: &'a str,
    /// Its SIP port; the control socket is 1 000 above it, RTP from 10 000 above it.
    pub port: u16,
    /// The tone that it speaks, in Hz.
    pub tone: f64,
    /// Tones that it speaks instead, a fifth of a second each, and then nothing; empty: `tone`.
    pub phrase: &'a [f64],
    /// Whether it answers by itself.
    pub answers: bool,
    /// What it speaks, by baresip's names.
    pub codecs: &'a str,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'a str,
    /// `srtp`: offers keys, goes on without; `srtp-mand`: insists on them; `None`: knows nothing of it.
    pub srtp: Option<&'a str>,
    /// Whether it has a camera (a picture that it makes itself, in VP8).
    pub video: bool,
    /// For `tls`: the folder of `ca.pem`, which it believes, and `phone.pem`, its own certificate and key.
    pub certificates: &'a Path,
}

impl Phone<'_> {
    /// Samples a second of its first codec.
    fn rate(&self) -> u32 {
        match self.codecs.split('/').next() {
            Some("g722") => 16_000,
            Some("opus") => 48_000,
            _ => ear::RATE,
        }
    }
}

impl Baresip {
    /// Starts a phone; it registers by itself.
    pub fn start(phone: &Phone<'_>) -> Baresip {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        fs::create_dir(place("heard")).expect("made");
        match phone.phrase {
            [] => ear::write_tone_at(phone.rate(), &place("tone.wav"), phone.tone, 120),
            phrase => ear::write_tones(phone.rate(), &place("tone.wav"), phrase),
        }
        fs::write(place("config"), configuration(phone, &folder)).expect("written");
        fs::write(place("accounts"), account(phone)).expect("written");
        fs::write(place("contacts"), "").expect("written");
        let said = fs::File::create(place("said")).expect("a file");
        let also = said.try_clone().expect("a second handle");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "baresip", "-f"])
            .arg(folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(said)
            .stderr(also)
            .spawn()
            .expect("baresip runs; tests/run installs it");
        let control = wait_for("baresip's control socket", Duration::from_secs(10), || {
            TcpStream::connect((PHONES, phone.port + 1_000)).ok()
        });
        control.set_read_timeout(Some(Duration::from_millis(50))).expect("a time");
        Baresip { child, folder, control, unread: Vec::new() }
    }

    /// Calls a number.
    pub fn dial(&mut self, number: &str) {
        self.tell("dial", number);
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        self.tell("hangup", "");
    }

    /// Presses a key during a call (RFC 4733).
    pub fn press(&mut self, key: char) {
        self.tell("sndcode", &key.to_string());
    }

    fn tell(&mut self, command: &str, parameters: &str) {
        let order = json!({ "command": command, "params": parameters, "token": command }).to_string();
        write!(self.control, "{}:{order},", order.len()).expect("told");
    }

    /// Waits until the phone says that something happened, e.g. `CALL_ESTABLISHED`.
    pub fn wait_for(&mut self, event: &str) {
        let said = self.folder.path().join("said");
        wait_for(&format!("{event} of {}", said.display()), Duration::from_secs(20), || {
            self.next().filter(|message| message["type"] == event)
        });
    }

    /// The next whole message of the control socket (a netstring of JSON).
    fn next(&mut self) -> Option<Value> {
        let mut piece = [0; 4_096];
        match self.control.read(&mut piece) {
            Ok(len) => self.unread.extend_from_slice(&piece[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("baresip: {error}\n{}", self.said()),
        }
        let colon = self.unread.iter().position(|octet| *octet == b':')?;
        let len: usize = std::str::from_utf8(&self.unread[..colon]).ok()?.parse().expect("a length");
        let end = colon + 1 + len;
        if self.unread.len() <= end {
            return None;
        }
        let message = serde_json::from_slice(&self.unread[colon + 1..end]).expect("JSON");
        self.unread.drain(..=end);
        Some(message)
    }

    /// What the phone has heard, in the order of its calls.
    pub fn heard(&self) -> Vec<i16> {
        self.dumps().iter().flat_map(|file| ear::read_thinned(file)).collect()
    }

    /// Octets that the phone has written of what it hears: 16 000 a second.
    pub fn heard_octets(&self) -> u64 {
        self.dumps().iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum()
    }

    fn dumps(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.folder.path().join("heard"))
            .expect("its folder")
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        files.sort();
        files
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("baresip said:\n{}", self.said());
        }
    }
}

fn configuration(phone: &Phone<'_>, folder: &TempDir) -> String {
    let (sip, control, rtp) = (phone.port, phone.port + 1_000, phone.port + 10_000);
    let (folder, rate) = (folder.path().display(), phone.rate());
    let certificates = phone.certificates.display();
    let secure = match phone.transport {
        "tls" => format!("sip_cafile {certificates}/ca.pem\nsip_certificate {certificates}/phone.pem\n"),
        _ => String::new(),
    };
    let video = match phone.video {
        true => {
            "module fakevideo.so\nmodule vp8.so\nvideo_source fakevideo,nil\nvideo_display fakevideo,nil\n\
             video_size 176x144\nvideo_bitrate 128000\nvideo_fps 10\n"
        }
        false => "",
    };
    format!(
        "sip_listen {PHONES}:{sip}\n\
         call_max_calls 4\n\
         statmode_default off\n\
         audio_player alsa,null\n\
         audio_source aufile,{folder}/tone.wav\n\
         audio_alert alsa,null\n\
         audio_srate 8000-{rate}\n\
         opus_stereo no\n\
         opus_sprop_stereo no\n\
         audio_channels 1-1\n\
         rtp_ports {rtp}-{}\n\
         net_interface lo\n\
         module_path /usr/lib/baresip/modules\n\
         module g711.so\n\
         module g722.so\n\
         module opus.so\n\
         module alsa.so\n\
         module aufile.so\n\
         module sndfile.so\n\
         module srtp.so\n\
         module_tmp uuid.so\n\
         module_tmp account.so\n\
         module_app menu.so\n\
         module_app ctrl_tcp.so\n\
         ctrl_tcp_listen {PHONES}:{control}\n\
         snd_path {folder}/heard\n\
         {secure}{video}",
        rtp + 20
    )
}

fn account(phone: &Phone<'_>) -> String {
    let (user, transport, codecs) = (phone.user, phone.transport, phone.codecs);
    let answer = if phone.answers { "auto" } else { "manual" };
    let srtp = phone.srtp.map(|srtp| format!(";mediaenc={srtp}")).unwrap_or_default();
    format!(
        "<sip:{user}@{PHONES};transport={transport}>;auth_user={user};auth_pass={PASSWORD};answermode={answer};\
         audio_codecs={codecs};regint=600;ptime=20{srtp}\n"
    )
}
