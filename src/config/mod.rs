//! `ledgerline.toml`: what varies by machine. As written (`written`) → as checked ([`Config`]).
//!
//! Invariant: a [`Config`] holds only values that were checked; nothing behind it asks again. No file is read here:
//! `io` brings the text.

mod checked;
mod fault;
mod features;
mod keys;
mod listen;
mod media;
mod outside;
mod plan;
mod presence;
mod recogniser;
mod trunk;
mod written;

pub use checked::{
    Admin, Config, Digest, HeadsTo, Identity, Limits, Log, LogFormat, Node, Registrar, Sip, Store, Tls,
};
pub use fault::{Fault, Faults};
pub use features::{Again, Code, Feature, Features, Forwards, Ring, Strategy};
pub use keys::nearest;
pub use listen::{Listen, Scheme};
pub use media::{BackEnd, Media, Music, Srtp, Tones};
pub use outside::Outside;
pub use plan::{Mode, Plan};
pub use presence::{Presence, Shown, Watching};
pub use recogniser::{BuiltIn, Kind as RecogniserKind, Library, Network, Recogniser, Server, Silence};
pub use trunk::{ForwardedBy, Trunk};

use std::path::Path;

/// Checks the text of a configuration file.
///
/// `file` is its path: errors name it, and relative paths in the text are meant from its folder.
///
/// # Errors
/// Every fault found, in the order of the text, each with line, column, caret and hint.
pub fn check(file: &Path, text: &str) -> Result<Config, Faults> {
    let faults = |list| Err(Faults::new(file, text, list));
    let unknown = keys::unknown(text);
    if !unknown.is_empty() {
        return faults(unknown);
    }
    let written: written::Written = match toml::from_str(text) {
        Ok(written) => written,
        Err(error) => {
            let what = error.message().trim().replace('\n', "; ");
            let listed = what.contains("expected a sequence");
            let hint = listed.then(|| "a list stands in brackets: [\"…\"]".to_string());
            return faults(vec![Fault { at: error.span(), what, hint }]);
        }
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    checked::Config::from_written(&written, folder).or_else(faults)
}

#[cfg(test)]
mod tests;
