//! Recordings that leave the house: what is asked for is laid before others word by word, and once approved it is handed
//! over one recording at a time (DUAL-04, EXP-01 … EXP-04).
//!
//! Invariants: nothing is handed over but what an approved motion lists, to whom made it, within a day; memory holds one
//! recording at a time; for a recipient with a key everything that is personal is sealed here, before it goes anywhere.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::actor::Actor;
use super::desk::{Desk, Out, Reply};
use super::persons;
use super::protocol::{Failure, Kind, Search};
use super::trail::Deed;
use crate::base::{MotionId, PersonId, Random, RecordingId, bounds};
use crate::compliance::approval::{Motion, Standing, Weighty};
use crate::compliance::retention::Use;
use crate::io::clock::wall;
use crate::io::motions::Spent;
use crate::io::package::Hashes;
use crate::vault::{Form, Gap, Query, Recipient, Record, Row, Suite, hex, vcon};

/// A request about a package.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum ExportAct {
    /// Ask for a package: it is begun, or laid before others.
    Begin(Box<ExportOrder>),
    /// The files of one recording in it.
    Item {
        /// The approved motion.
        motion: MotionId,
        /// Which recording.
        recording: RecordingId,
    },
    /// The signature under its manifest.
    Seal {
        /// The approved motion.
        motion: MotionId,
        /// Of the manifest.
        #[serde(flatten)]
        hashes: Hashes,
    },
}

/// What a package is to hold, and for whom.
#[derive(Clone, Serialize, Deserialize)]
pub struct ExportOrder {
    /// These recordings.
    #[serde(default)]
    pub recordings: Vec<RecordingId>,
    /// And all that this finds.
    #[serde(default)]
    pub search: Option<Search>,
    /// The case that it belongs to.
    pub case: String,
    /// What it is wanted for.
    pub purpose: Option<String>,
    /// The recipient's public key as they sent it; without it the package is in clear.
    #[serde(default)]
    pub recipient: Option<String>,
    /// The form of its sound.
    #[serde(default)]
    pub sound: Form,
}

/// A package that may be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportBegun {
    /// The motion that allows it.
    pub motion: MotionId,
    /// SHA-256 of what was approved.
    pub approved_sha256: String,
    /// Who asked.
    pub requester: PersonId,
    /// Who approved.
    pub approvers: Vec<PersonId>,
    /// What goes into it.
    pub recordings: Vec<RecordingId>,
    /// Whose hashes its manifest names.
    #[serde(default)]
    pub suite: Suite,
}

/// One file of a package, announced before its octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFile {
    /// Its path in the package.
    pub file: String,
    /// Of its octets.
    #[serde(flatten)]
    pub hashes: Hashes,
    /// Their number.
    pub len: u64,
}

impl ExportAct {
    /// What of it is audited.
    pub fn deed(&self) -> Deed {
        match self {
            ExportAct::Begin(order) => Deed {
                reason: order.purpose.clone(),
                detail: json!({ "case": order.case, "encrypted": order.recipient.is_some() }),
                ..Deed::new("rec.export", None)
            },
            ExportAct::Item { motion, recording } => Deed {
                detail: json!({ "motion": motion }),
                ..Deed::new("rec.export.item", recording.to_string())
            },
            ExportAct::Seal { motion, hashes } => Deed {
                detail: json!({ "manifest": hashes }),
                ..Deed::new("rec.export.seal", motion.to_string())
            },
        }
    }
}

/// What a manifest's signature is over.
pub fn manifest_statement(hashes: &Hashes) -> String {
    let sm3 = hashes.sm3.as_ref().map(|sm3| format!("sm3 {sm3}\n")).unwrap_or_default();
    format!("ledgerline export 1\nsha256 {}\n{sm3}", hashes.sha256)
}

impl Desk {
    pub(super) fn export(&self, actor: &Actor, act: ExportAct, out: Out<'_>) -> Result<Value, Failure> {
        match act {
            ExportAct::Begin(order) => self.export_begin(actor, &order),
            ExportAct::Item { motion, recording } => {
                let motion = self.allowed_motion(actor, motion)?;
                self.export_item(&motion, recording, out)
            }
            ExportAct::Seal { motion, hashes } => {
                let motion = self.allowed_motion(actor, motion)?;
                let kept = self.store()?;
                if !hashes.is_sound() || hashes.sm3.is_some() != (kept.suite() == Suite::Gm) {
                    return Err(Failure::new(Kind::Usage, "not the hashes of this store's suite"));
                }
                let statement = manifest_statement(&hashes);
                let (signature, public) = kept.sign_statement(&statement);
                let alg = if public.suite() == Suite::Gm { "SM2" } else { "Ed25519" };
                let signed = json!({
                    "statement": statement, "alg": alg,
                    "public": hex(&public.to_bytes()), "signature": hex(&signature), "motion": motion.motion.id,
                });
                Ok(signed)
            }
        }
    }

    fn export_begin(&self, actor: &Actor, order: &ExportOrder) -> Result<Value, Failure> {
        actor.attend(order.purpose.as_deref())?;
        let me = actor.somebody()?;
        let recordings = self.chosen(actor, order)?;
        let text = text_of(order, &me.account, me.person, &recordings)?;
        let now = wall();
        // A package that was begun and not finished goes on.
        let begun = self.motions.list().map_err(persons::motions)?.into_iter().find(|motion| {
            let same = motion.act == Weighty::Export && motion.author == me.person && motion.text == text;
            same && motion.used.is_some_and(|used| now < used + bounds::APPROVAL_HOLDS)
        });
        let motion = match begun {
            Some(motion) => motion,
            None => self.spend_or_propose(&text, me.person)?,
        };
        let approvers = motion.votes.iter().map(|vote| vote.person).collect();
        let (approved_sha256, suite) = (motion.hash_hex(), self.store()?.suite());
        let begun = ExportBegun {
            motion: motion.id,
            approved_sha256,
            requester: me.person,
            approvers,
            recordings,
            suite,
        };
        serde_json::to_value(begun).map_err(|error| Failure::new(Kind::Failed, error))
    }

    fn spend_or_propose(&self, text: &str, me: PersonId) -> Result<Motion, Failure> {
        let now = wall();
        if let Some((motion, _)) =
            self.motions.spend_any(Weighty::Export, text, now).map_err(persons::motions)?
        {
            return Ok(motion);
        }
        let motion = self.motions.propose(Weighty::Export, text, me, now).map_err(persons::motions)?;
        let missing = match motion.standing(now) {
            Standing::Waits(missing) => missing,
            _ => motion.act.votes(),
        };
        let id = motion.id;
        Err(Failure::new(
            Kind::Refused,
            format!(
                "{missing} other person has to approve this: `ledgerline approve sign {id}`; then give this command again, within a day"
            ),
        ))
    }

    /// Every recording of the order, sorted, each within the scope of who asks.
    fn chosen(&self, actor: &Actor, order: &ExportOrder) -> Result<Vec<RecordingId>, Failure> {
        let mut chosen = order.recordings.clone();
        for recording in &chosen {
            self.covered(actor, *recording)?;
            self.store()?.show(*recording).map_err(super::desk::store)?;
        }
        if let Some(search) = &order.search {
            let query = Query { scope: actor.scope(), limit: bounds::EXPORT, ..super::desk::query(search) };
            let rows = self.store()?.search(&query).map_err(super::desk::store)?;
            let kept = self.store()?;
            // What is sealed goes out only when it is named (RET-07).
            let may = |row: &Row| row.leaf.is_some() && kept.kept(row).standing.allows(Use::Search);
            chosen.extend(rows.into_iter().filter(may).map(|row| row.recording));
        }
        chosen.sort_unstable();
        chosen.dedup();
        match chosen.len() {
            0 => Err(Failure::new(Kind::NotFound, "there is no such recording")),
            many if many > bounds::EXPORT => Err(Failure::new(
                Kind::Usage,
                format!("{many} recordings: a package has at most {}", bounds::EXPORT),
            )),
            _ => Ok(chosen),
        }
    }

    fn allowed_motion(&self, actor: &Actor, id: MotionId) -> Result<Arc<Spent>, Failure> {
        let spent = self.motions.spent(id).map_err(persons::motions)?;
        let motion = &spent.motion;
        let fresh = motion.used.is_some_and(|used| wall() < used + bounds::APPROVAL_HOLDS);
        if motion.act == Weighty::Export && motion.author == actor.human()? && fresh {
            return Ok(spent);
        }
        Err(Failure::new(Kind::Refused, "this package is not approved, or not yours"))
    }

    fn export_item(&self, approved: &Spent, recording: RecordingId, out: Out<'_>) -> Result<Value, Failure> {
        if !approved.says(&recording.to_string()) {
            return Err(Failure::new(Kind::Refused, "what was approved does not name this recording"));
        }
        let kept = self.store()?;
        kept.may(recording, Use::RegulatorExport).map_err(super::desk::store)?;
        let record = kept.show(recording).map_err(super::desk::store)?;
        let proof = kept.prove(recording).map_err(super::desk::store)?;
        let (sound, damages) = kept.sound(recording).map_err(super::desk::store)?;
        let form = [Form::Flac, Form::Opus].into_iter().find(|form| approved.says(&format!("sound {form}")));
        let compressed = form.and_then(|form| Some((form, form.compressed(&sound)?)));
        let (form, octets) = compressed.unwrap_or_else(|| (Form::Wav, super::desk::wav(&sound)));
        let (name, mediatype) = (format!("audio/{recording}.{form}"), form.media_type());
        let seconds = sound.left.len() as f64 / f64::from(crate::vault::RATE_HZ);
        drop(sound);
        let hash = {
            use base64::Engine;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(&octets))
        };
        let told = vcon(&record, &name, mediatype, &hash, seconds);
        let mut events = Vec::new();
        for (offset_us, event) in &record.events {
            crate::vault::push_event(&mut events, *offset_us, event);
        }
        let mut hand =
            Hand { suite: kept.suite(), envelope: Envelope::of(&approved.motion)?, out, files: Vec::new() };
        hand.over(&name, octets)?;
        hand.over(&format!("events/{recording}.jsonl"), events)?;
        hand.over(&format!("vcon/{recording}.json"), told.to_string().into_bytes())?;
        hand.in_clear(&format!("proofs/{recording}.json"), json!(proof).to_string().into_bytes())?;
        let mut part = 0;
        let mut trouble = Ok(());
        let mut take = |octets: Vec<u8>| {
            part += 1;
            trouble = hand.over(&format!("beside/{recording}.{part}.pcap"), octets);
            trouble.is_ok()
        };
        kept.beside(recording, bounds::CAPTURE_BYTES, &mut take).map_err(super::desk::store)?;
        trouble?;
        let mut gaps = gaps(&record);
        gaps.extend(damages.iter().map(|damage| json!({ "damage": damage.to_string() })));
        let row = &record.row;
        Ok(json!({
            "id": recording, "call": row.call, "began": row.started.rfc3339(), "duration_s": seconds,
            // Masked: the list lies in clear beside what is sealed.
            "caller": row.opening.caller.to_string(), "dialled": row.opening.dialled.to_string(),
            "leaf": row.leaf, "gaps": gaps, "files": hand.files,
        }))
    }
}

/// Where sound was left out on purpose, in seconds.
fn gaps(record: &Record) -> Vec<Value> {
    let seconds = |us: u64| us as f64 / 1e6;
    let told = |gap: Gap<'_>| json!({ "from": seconds(gap.from_us), "to": gap.to_us.map(seconds), "reason": gap.reason });
    crate::vault::gaps(&record.events).into_iter().map(told).collect()
}

/// The words that are approved: everything that the package depends on.
fn text_of(
    order: &ExportOrder,
    account: &str,
    person: PersonId,
    recordings: &[RecordingId],
) -> Result<String, Failure> {
    let plain = |text: &str| crate::base::presentable(text, bounds::PURPOSE);
    let recipient = match &order.recipient {
        None => "nobody's key: whoever has the package can hear it".to_string(),
        Some(key) => {
            let key = Recipient::parse(key);
            let key = key.ok_or_else(|| Failure::new(Kind::Usage, "this is no X25519 public key"))?;
            format!("the key {} ({})", hex(&key.to_bytes()), key.thumbprint())
        }
    };
    let mut text = format!(
        "export of {} recordings\ncase {}\npurpose {}\nrequester {account} {person}\nfor {recipient}\nsound {}\n",
        recordings.len(),
        plain(&order.case),
        plain(order.purpose.as_deref().unwrap_or_default().trim()),
        order.sound,
    );
    for recording in recordings {
        text += &format!("{recording}\n");
    }
    Ok(text)
}

/// Whom files are sealed for.
struct Envelope {
    recipient: Option<Recipient>,
    random: Random,
}

impl Envelope {
    /// As the approved words say.
    fn of(motion: &Motion) -> Result<Envelope, Failure> {
        let named = motion.text.lines().find_map(|line| line.strip_prefix("for the key "));
        let recipient = named.and_then(|line| Recipient::parse(line.split(' ').next()?));
        if named.is_some() && recipient.is_none() {
            return Err(Failure::new(Kind::Failed, "the approved key is not understood"));
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| Failure::new(Kind::Failed, error))?;
        Ok(Envelope { recipient, random: Random::seeded(seed) })
    }
}

/// Hands files over, sealed where there is a recipient.
struct Hand<'a> {
    suite: Suite,
    envelope: Envelope,
    out: Out<'a>,
    files: Vec<ExportFile>,
}

impl Hand<'_> {
    fn over(&mut self, name: &str, octets: Vec<u8>) -> Result<(), Failure> {
        let Some(recipient) = self.envelope.recipient else { return self.in_clear(name, octets) };
        let sealed = recipient.seal(&octets, &mut self.envelope.random);
        let sealed =
            sealed.ok_or_else(|| Failure::new(Kind::Refused, "the recipient's key seals nothing"))?;
        self.in_clear(&format!("{name}.jwe"), sealed.into_bytes())
    }

    fn in_clear(&mut self, name: &str, octets: Vec<u8>) -> Result<(), Failure> {
        let hashes = Hashes::of(self.suite, &octets);
        let file = ExportFile { file: name.to_string(), hashes, len: octets.len() as u64 };
        let told = serde_json::to_value(&file).map_err(|error| Failure::new(Kind::Failed, error))?;
        let gone = || Failure::new(Kind::Failed, "nobody takes the package any more");
        if !(self.out)(Reply::Item(told)) {
            return Err(gone());
        }
        for piece in octets.chunks(64 << 10) {
            if !(self.out)(Reply::Octets(piece.to_vec())) {
                return Err(gone());
            }
        }
        self.files.push(file);
        Ok(())
    }
}
