//! `plan doc`: a plan as pages that people can read and sign.

use std::path::Path;

use serde_json::json;

use super::{language, plans_of, unreadable};
use crate::cli::exit::{Exit, Stop};
use crate::cli::print::Printer;
use crate::io::plans;
use crate::plan::doc::pages;

pub(super) fn run(
    path: Option<&Path>,
    out: &Path,
    config: Option<&Path>,
    printer: &Printer,
) -> Result<Exit, Stop> {
    let loaded = plans_of(path, config.filter(|_| path.is_none()))?;
    let several = loaded.len() > 1;
    let mut written = Vec::new();
    for loaded in &loaded {
        let Some(program) = &loaded.program else {
            return Err(Stop::usage(super::text(loaded, language())));
        };
        let files = loaded.files.join(", ");
        let name = files.trim_end_matches(".plan");
        let folder = if several { out.join(name) } else { out.to_path_buf() };
        let module = program
            .declared()
            .modules
            .iter()
            .find(|module| loaded.files.iter().any(|file| **file == *module.file));
        let title = module.map_or(name, |module| &module.name);
        for page in pages(program, title, language()) {
            let path = folder.join(&page.file);
            plans::write(&path, &page.html).map_err(|error| unreadable(&path, &error))?;
            written.push(path.display().to_string());
        }
    }
    printer.value(&json!({ "pages": written }), |_| {
        let first = written.iter().filter(|path| path.ends_with("index.html"));
        first.map(|path| format!("{path}\n")).collect()
    });
    Ok(Exit::Done)
}
