//! The certificate of a destruction (数据销毁确认函): what was destroyed, why, how, who agreed; as signed JSON and as a page
//! for people.
//!
//! Invariant: it holds no personal data of callers: counts, ledger numbers and hashes only. The page says what the JSON says.

use serde::{Deserialize, Serialize};

use super::head::{LedgerKey, LedgerPublic};
use super::keep::Job;
use super::ledger::Frontier;
use super::suite::Suite;
use crate::base::Wall;
use crate::base::hex;

/// Its title, and the `type` of its JSON.
pub const TITLE: &str = "数据销毁确认函";
/// How it was done.
const METHOD: &str =
    "crypto-erase (the wrapped data key is overwritten) + unlink; NIST SP 800-88r2 purge equivalent";

/// A certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// [`TITLE`].
    #[serde(rename = "type")]
    pub kind: String,
    /// Its number, that of the job.
    pub no: String,
    /// Whose recordings they were.
    pub org: String,
    /// For whom they were destroyed.
    pub counterparty: String,
    /// Why.
    pub basis: String,
    /// Since when that was so, RFC 3339.
    pub basis_at: String,
    /// What.
    pub scope: CertifiedScope,
    /// How.
    pub method: String,
    /// What else went.
    pub also: Vec<String>,
    /// What cases withheld.
    pub held_excluded: Vec<Withheld>,
    /// When it began, RFC 3339.
    pub started: String,
    /// When it was done.
    pub finished: String,
    /// Hours from the reason to the end.
    pub hours_since_basis: f64,
    /// Who asked.
    pub requested_by: String,
    /// Who agreed.
    pub approved_by: Vec<String>,
    /// By what program.
    pub software: String,
    /// `ed25519:` (suite 2: `sm2:`) and 128 hexadecimal digits, over this JSON with an empty list here.
    pub sig: Vec<String>,
}

/// What was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertifiedScope {
    /// In words.
    pub class: String,
    /// How many recordings.
    pub recordings: u64,
    /// Lowest and highest leaf of them in the ledger.
    pub seq: (u64, u64),
    /// `sha256:` (suite 2: `sm3:`) and the root (RFC 9162 §2.1.1) over their identifiers' 16 octets, in the job's order.
    pub tombstone_root: String,
}

/// What a case withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// The case.
    pub case: String,
    /// How many recordings.
    pub count: u64,
}

impl Certificate {
    /// Of `job`, done at `finished`; `seq` are the lowest and highest leaf of its recordings.
    pub fn of(suite: Suite, job: &Job, seq: (u64, u64), finished: Wall, software: &str) -> Certificate {
        let mut tree = Frontier::new(suite);
        job.recordings.iter().for_each(|id| tree.push_leaf(&id.to_bytes()));
        let hours = (finished.as_micros() - job.grounds.basis_at.as_micros()) as f64 / 3.6e9;
        Certificate {
            kind: TITLE.into(),
            no: job.no.clone(),
            org: job.grounds.org.clone(),
            counterparty: job.grounds.counterparty.clone(),
            basis: job.grounds.basis.clone(),
            basis_at: job.grounds.basis_at.rfc3339(),
            scope: CertifiedScope {
                class: job.scope.clone(),
                recordings: job.recordings.len() as u64,
                seq,
                tombstone_root: format!("{}:{}", suite.hash_name(), hex(&tree.root())),
            },
            method: METHOD.into(),
            also: job.also.clone(),
            held_excluded: job
                .held
                .iter()
                .map(|(case, count)| Withheld { case: case.clone(), count: *count })
                .collect(),
            started: job.begun.rfc3339(),
            finished: finished.rfc3339(),
            hours_since_basis: (hours * 10.0).round() / 10.0,
            requested_by: job.requested_by.clone(),
            approved_by: job.approved_by.clone(),
            software: software.into(),
            sig: Vec::new(),
        }
    }

    /// Its JSON, signed.
    pub fn signed(mut self, key: &LedgerKey) -> String {
        self.sig.clear();
        self.sig = vec![key.sign_text(&self.text())];
        self.text()
    }

    /// A certificate whose signature holds under `public`.
    pub fn verify(json: &str, public: &LedgerPublic) -> Option<Certificate> {
        let signed: Certificate = serde_json::from_str(json).ok()?;
        let bare = Certificate { sig: Vec::new(), ..signed.clone() };
        let holds = |sig: &String| public.holds_text(&bare.text(), sig);
        (json == signed.text() && signed.sig.iter().any(holds)).then_some(signed)
    }

    fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        debug_assert!(text.is_ok());
        text.unwrap_or_default()
    }

    /// The lines of the page for people: name and value.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let list = |items: &[String]| if items.is_empty() { "—".to_string() } else { items.join("、") };
        let held: Vec<String> =
            self.held_excluded.iter().map(|held| format!("{}（{} 条）", held.case, held.count)).collect();
        vec![
            ("编号 No.", self.no.clone()),
            ("数据持有方 Organisation", self.org.clone()),
            ("合作方 Counterparty", self.counterparty.clone()),
            ("销毁依据 Basis", format!("{}，{}", self.basis, self.basis_at)),
            ("销毁范围 Scope", self.scope.class.clone()),
            ("录音数量 Recordings", self.scope.recordings.to_string()),
            ("账本序号 Ledger", format!("{} – {}", self.scope.seq.0, self.scope.seq.1)),
            ("墓碑根 Tombstone root", self.scope.tombstone_root.clone()),
            ("销毁方法 Method", self.method.clone()),
            ("同时销毁 Also", list(&self.also)),
            ("因案保留 Held back", list(&held)),
            ("开始时间 Started", self.started.clone()),
            ("完成时间 Finished", self.finished.clone()),
            ("距依据小时数 Hours since basis", format!("{:.1}", self.hours_since_basis)),
            ("申请人 Requested by", self.requested_by.clone()),
            ("审批人 Approved by", list(&self.approved_by)),
            ("软件 Software", self.software.clone()),
            ("签名 Signature", list(&self.sig)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{RecordingId, Secret};
    use crate::vault::Grounds;

    fn job() -> Job {
        Job {
            no: "DES-2026-000001".into(),
            grounds: Grounds {
                org: "××医院".into(),
                counterparty: "××外包".into(),
                basis: "合同终止".into(),
                basis_at: Wall::from_micros(0),
            },
            scope: "合作项目/××外包".into(),
            recordings: vec![RecordingId::from_bytes([1; 16]), RecordingId::from_bytes([2; 16])],
            held: vec![("C-7".into(), 2)],
            also: vec!["index".into()],
            requested_by: "li".into(),
            approved_by: vec!["wang".into(), "zhao".into()],
            begun: Wall::from_micros(3_600_000_000),
        }
    }

    /// DES-02: signed, and no letter of it may change.
    #[test]
    fn a_certificate_holds_and_no_letter_of_it_may_change() {
        let key = LedgerKey::from_seed(&Secret::new([5; 32]));
        let finished = Wall::from_micros(31_400 * 3_600_000);
        let json = Certificate::of(Suite::Intl, &job(), (4, 9), finished, "ledgerline 0.1").signed(&key);
        let read = Certificate::verify(&json, &key.public()).expect("holds");
        assert_eq!((read.hours_since_basis, read.scope.recordings, read.scope.seq), (31.4, 2, (4, 9)));
        let other = LedgerKey::from_seed(&Secret::new([6; 32]));
        assert_eq!(Certificate::verify(&json, &other.public()), None);
        for (from, to) in
            [("\"recordings\": 2", "\"recordings\": 3"), ("wang", "wanG"), ("C-7", "C-8"), ("{", "{ ")]
        {
            assert_eq!(Certificate::verify(&json.replacen(from, to, 1), &key.public()), None, "{from}");
        }
    }
}
