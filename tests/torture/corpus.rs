//! The messages of RFC 4475 and RFC 5118 and what each asks for, where they are at hand: they are the RFCs' and not kept here.

use std::path::PathBuf;

/// One message and its verdict.
pub struct Row {
    /// Its file, as the table names it.
    pub file: String,
    /// `valid`, `invalid`, `-`.
    pub valid: String,
    /// What is to be answered: `400`, `501|405` (one of), `!400` (anything but), `!5xx`, `none`; `-`: nothing is asserted.
    pub expected: String,
    /// The layer that has to see it.
    pub layer: String,
    /// The message as it goes over the wire.
    pub octets: Vec<u8>,
}

/// Every message, in the folder that `LEDGERLINE_CORPUS` names or in `../shared/corpus` beside the repository. Where there is
/// none, `None`, and that is said.
pub fn corpus() -> Option<Vec<Row>> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("LEDGERLINE_CORPUS").map_or_else(beside, PathBuf::from);
    let Ok(table) = std::fs::read_to_string(folder.join("VERDICTS.tsv")) else {
        println!("skipped: no corpus at hand; LEDGERLINE_CORPUS names its folder");
        return None;
    };
    let row = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, _, valid, expected, layer, ..] = columns[..] else { panic!("a short row: {line}") };
        let octets = std::fs::read(folder.join(file)).expect("the message can be read");
        Row { file: file.into(), valid: valid.into(), expected: expected.into(), layer: layer.into(), octets }
    };
    Some(table.lines().skip(1).map(row).collect())
}
