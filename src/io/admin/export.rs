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
use super::items::REDACTED;
use super::persons;
use super::protocol::{Failure, Kind, Search};
use super::trail::{self, Deed};
use super::view::ItemView;
use crate::base::{MotionId, PersonId, Random, RecordingId, bounds};
use crate::compliance::approval::{Motion, Standing, Weighty};
use crate::compliance::retention::Use;
use crate::compliance::role::Right;
use crate::io::clock::wall;
use crate::io::motions::Spent;
use crate::io::outside::Receipt;
use crate::io::package::Hashes;
use crate::io::store::Store;
use crate::vault::{DerivedRow, Form, Gap, Query, Recipient, Record, Row, Suite, hex, redacted, vcon};

/// A request about a package.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum ExportAct {
    /// Ask for a package: it is begun, or laid before others.
    Begin(Box<ExportOrder>),
    /// The files of some recordings in it, at most [`bounds::EXPORT_AT_ONCE`]: of each its files, then its line as `taken`.
    Items {
        /// The approved motion.
        motion: MotionId,
        /// Which recordings.
        recordings: Vec<RecordingId>,
    },
    /// It is about to be uploaded.
    Send {
        /// The approved motion.
        motion: MotionId,
        /// SHA-256 of its manifest.
        manifest_sha256: String,
        /// The endpoint.
        to: String,
    },
    /// It was uploaded, and the endpoint answered this.
    Sent {
        /// The approved motion.
        motion: MotionId,
        /// The receipt.
        receipt: Receipt,
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
    /// Redacted copies in place of the recordings.
    #[serde(default)]
    pub redacted: bool,
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
            // Each recording of them is audited by itself: `Desk::export_items`.
            ExportAct::Items { motion, .. } => Deed::new("rec.export.items", motion.to_string()),
            ExportAct::Send { motion, manifest_sha256, to } => Deed {
                detail: json!({ "manifest_sha256": manifest_sha256, "to": to }),
                ..Deed::new("rec.export.send", motion.to_string())
            },
            ExportAct::Sent { motion, receipt } => Deed {
                detail: json!({ "receipt": receipt }),
                ..Deed::new("rec.export.sent", motion.to_string())
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
            ExportAct::Items { motion, recordings } => self.export_items(actor, motion, &recordings, out),
            // Whoever has made a package hands it over; that it happens, and with what receipt, stands in the audit book.
            ExportAct::Send { motion, to, .. } => {
                self.own_package(actor, motion)?;
                Ok(json!({ "motion": motion, "to": to }))
            }
            ExportAct::Sent { motion, receipt } => {
                self.own_package(actor, motion)?;
                Ok(json!({ "motion": motion, "receipt": receipt }))
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

    /// That `motion` is a package that `actor` asked for.
    fn own_package(&self, actor: &Actor, motion: MotionId) -> Result<(), Failure> {
        let spent = self.motions.spent(motion).map_err(persons::motions)?;
        if spent.motion.act == Weighty::Export && spent.motion.author == actor.human()? {
            return Ok(());
        }
        Err(Failure::new(Kind::Refused, "this package is not yours"))
    }

    /// Hands some recordings over. That each is about to go is in the audit book first; these entries become durable together.
    pub(super) fn export_items(
        &self,
        actor: &Actor,
        motion: MotionId,
        recordings: &[RecordingId],
        out: Out<'_>,
    ) -> Result<Value, Failure> {
        if recordings.len() > bounds::EXPORT_AT_ONCE {
            return Err(Failure::new(Kind::Usage, "too many recordings at once"));
        }
        let deed = |recording: &RecordingId| Deed {
            detail: json!({ "motion": motion }),
            ..Deed::new("rec.export.item", recording.to_string())
        };
        let deeds = recordings.iter().map(deed).collect();
        let begun = trail::begin_all(self.store.as_ref(), actor.who(), deeds)?;
        let allowed = actor.check(Right::Export).and_then(|()| self.allowed_motion(actor, motion));
        let mut first = None;
        for (recording, begun) in recordings.iter().zip(begun) {
            let result = match (&allowed, &first) {
                (_, Some(failure)) | (Err(failure), _) => Err(Failure::clone(failure)),
                (Ok(spent), None) => self.export_item(spent, *recording, out),
            };
            begun.end(self.store.as_ref(), result.as_ref().map(trail::gist));
            match result {
                Ok(line) if out(Reply::Item(json!({ "taken": line }))) => {}
                Ok(_) => first = Some(Failure::new(Kind::Failed, "nobody takes the package any more")),
                Err(failure) => first = first.or(Some(failure)),
            }
        }
        first.map_or_else(|| Ok(json!({ "found": recordings.len() })), Err)
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
            let query =
                Query { scope: actor.scope(), limit: bounds::EXPORT, ..super::recordings::query(search) };
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
        let items = kept.derived(recording).map_err(super::desk::store)?;
        let mut hand = Hand {
            suite: kept.suite(),
            envelope: Envelope::of(&approved.motion)?,
            out,
            files: Vec::new(),
            derived: Vec::new(),
        };
        let (seconds, mut gaps) = if approved.says(REDACTED_ONLY) {
            redacted_copy(kept, &record, &items, &mut hand)?
        } else {
            whole_copy(kept, approved, &record, &items, &mut hand)?
        };
        hand.in_clear(&format!("proofs/{recording}.json"), json!(proof).to_string().into_bytes())?;
        gaps.splice(0..0, told_gaps(&record));
        let row = &record.row;
        Ok(json!({
            "id": recording, "call": row.call, "began": row.started.rfc3339(), "duration_s": seconds,
            // Masked: the list lies in clear beside what is sealed.
            "caller": row.opening.caller.to_string(), "dialled": row.opening.dialled.to_string(),
            "leaf": row.leaf, "gaps": gaps, "derived": hand.derived, "files": hand.files,
        }))
    }
}

/// The line of an approved text that lets out redacted copies and nothing else.
const REDACTED_ONLY: &str = "redacted copies only";

/// A recording with everything that belongs to it: how long it is, and what of it is damaged.
fn whole_copy(
    kept: &Store,
    approved: &Spent,
    record: &Record,
    items: &[DerivedRow],
    hand: &mut Hand<'_>,
) -> Result<(f64, Vec<Value>), Failure> {
    let recording = record.row.recording;
    let form = [Form::Flac, Form::Opus].into_iter().find(|form| approved.says(&format!("sound {form}")));
    // An Opus copy that stands beside the recording is handed over as it is.
    let copy =
        items.iter().rfind(|row| form == Some(Form::Opus) && row.derivation.kind == Form::Opus.to_string());
    let (sound, damages) = kept.sound(recording).map_err(super::desk::store)?;
    let seconds = sound.left.len() as f64 / f64::from(crate::vault::RATE_HZ);
    let (form, octets) = match copy {
        Some(row) => (Form::Opus, octets_of(kept, row)?),
        None => match form.and_then(|form| Some((form, form.compressed(&sound)?))) {
            Some(compressed) => compressed,
            None => (Form::Wav, super::recordings::wav(&sound)),
        },
    };
    drop(sound);
    let name = format!("audio/{recording}.{form}");
    let told = vcon(record, &name, form.media_type(), &content_hash(&octets), seconds);
    let mut events = Vec::new();
    for (offset_us, event) in &record.events {
        crate::vault::push_event(&mut events, *offset_us, event);
    }
    hand.over(&name, octets)?;
    hand.over(&format!("events/{recording}.jsonl"), events)?;
    hand.over(&format!("vcon/{recording}.json"), told.to_string().into_bytes())?;
    for row in items {
        if copy.is_none_or(|copy| copy.item != row.item) {
            let name = format!("derived/{recording}.{}.{}", row.item, row.derivation.kind);
            hand.over(&name, octets_of(kept, row)?)?;
        }
        hand.item(kept, row)?;
    }
    hand.captures(kept, recording)?;
    Ok((seconds, damages.iter().map(|damage| json!({ "damage": damage.to_string() })).collect()))
}

/// What an item holds.
fn octets_of(kept: &Store, row: &DerivedRow) -> Result<Vec<u8>, Failure> {
    let (_, octets) = kept.read_derived(row.derivation.of, row.item).map_err(super::desk::store)?;
    Ok(octets.to_vec())
}

/// The newest redacted copy of a recording, and a vCon that refers to the original (EXP-06). Nothing else of it goes out.
fn redacted_copy(
    kept: &Store,
    record: &Record,
    items: &[DerivedRow],
    hand: &mut Hand<'_>,
) -> Result<(f64, Vec<Value>), Failure> {
    let recording = record.row.recording;
    let Some(row) = items.iter().rfind(|row| row.derivation.kind == REDACTED) else {
        let text = format!("{recording} has no redacted copy: `ledgerline rec redact {recording}` makes one");
        return Err(Failure::new(Kind::Refused, text));
    };
    let (derivation, octets) = kept.read_derived(recording, row.item).map_err(super::desk::store)?;
    let name = format!("audio/{recording}.{REDACTED}.flac");
    let seconds = record.row.duration_us.unwrap_or(0) as f64 / 1e6;
    let told = vcon(record, &name, &derivation.media_type, &content_hash(&octets), seconds);
    let why = derivation.detail["why"].as_str().unwrap_or_default();
    let told = redacted(told, record, row.item, why);
    hand.over(&name, octets.to_vec())?;
    hand.over(&format!("vcon/{recording}.json"), told.to_string().into_bytes())?;
    hand.item(kept, row)?;
    let cuts = derivation.detail["cuts_ms"].as_array().cloned().unwrap_or_default();
    let cut = |cut: &Value| {
        let seconds = |at: usize| cut[at].as_u64().map(|ms| ms as f64 / 1e3);
        json!({ "from": seconds(0), "to": seconds(1), "reason": format!("redacted: {why}") })
    };
    Ok((seconds, cuts.iter().map(cut).collect()))
}

/// SHA-256 as a vCon has it: base64url without padding.
fn content_hash(octets: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(octets))
}

/// Where sound was left out on purpose, in seconds.
fn told_gaps(record: &Record) -> Vec<Value> {
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
            let key = key.ok_or_else(|| Failure::new(Kind::Usage, "this is no X25519 or SM2 public key"))?;
            format!("the key {} ({})", hex(&key.to_bytes()), key.thumbprint())
        }
    };
    let mut text = format!(
        "export of {} recordings\ncase {}\npurpose {}\nrequester {account} {person}\nfor {recipient}\nsound {}\n{}\n",
        recordings.len(),
        plain(&order.case),
        plain(order.purpose.as_deref().unwrap_or_default().trim()),
        order.sound,
        if order.redacted { REDACTED_ONLY } else { "with what was derived from them" },
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
    /// What of the recording's derived items is in the package, each with a proof.
    derived: Vec<Value>,
}

impl Hand<'_> {
    /// Video and fax of a recording.
    fn captures(&mut self, kept: &Store, recording: RecordingId) -> Result<(), Failure> {
        let (mut part, mut trouble) = (0, Ok(()));
        let mut take = |octets: Vec<u8>| {
            part += 1;
            trouble = self.over(&format!("beside/{recording}.{part}.pcap"), octets);
            trouble.is_ok()
        };
        kept.beside(recording, bounds::CAPTURE_BYTES, &mut take).map_err(super::desk::store)?;
        trouble
    }

    /// Says that the item of `row` is in the package, and proves that the ledger holds it.
    fn item(&mut self, kept: &Store, row: &DerivedRow) -> Result<(), Failure> {
        let proof = kept.prove_derived(row).map_err(super::desk::store)?;
        let view = ItemView::from(row.clone());
        self.derived.push(serde_json::to_value(view).map_err(|error| Failure::new(Kind::Failed, error))?);
        self.in_clear(&format!("proofs/{}.json", row.item), json!(proof).to_string().into_bytes())
    }

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
