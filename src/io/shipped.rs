//! What the binary carries of `dialplans/`, as it was when the binary was built.
//!
//! Invariant: a file is either a site's to edit (a plan, its prompts) or a piece of spoken values; none is both.

use std::borrow::Cow;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "dialplans/"]
struct Dialplans;

/// Where the pieces of spoken values stand.
const PIECES: &str = "pieces/";

type File = (Cow<'static, str>, Cow<'static, [u8]>);

/// The plans, profiles and prompts that a new node begins with: path below `dialplans/`, octets.
pub fn plans() -> impl Iterator<Item = File> {
    files().filter(|(path, _)| !path.starts_with(PIECES))
}

/// The pieces of spoken values: path below `dialplans/pieces/` (`zh/d4.wav`), octets.
pub fn pieces() -> impl Iterator<Item = File> {
    files().filter_map(|(path, octets)| Some((Cow::Owned(path.strip_prefix(PIECES)?.to_string()), octets)))
}

fn files() -> impl Iterator<Item = File> {
    Dialplans::iter().filter_map(|path| Dialplans::get(&path).map(|file| (path, file.data)))
}

#[cfg(test)]
mod tests {
    use super::{pieces, plans};

    #[test]
    fn plans_and_pieces_are_told_apart() {
        let plans: Vec<_> = plans().map(|(path, _)| path).collect();
        assert!(plans.iter().any(|path| path == "hello.plan"));
        assert!(
            plans.iter().all(|path| path.ends_with(".plan") || path.starts_with("prompts/")),
            "{plans:?}"
        );
        assert!(pieces().any(|(path, octets)| path == "zh/d4.wav" && octets.starts_with(b"RIFF")));
    }
}
