//! `rec upload`: a package to a regulator's endpoint, when it is whole and somebody's to hand over.

use std::io::Read;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::door::Node;
use super::exit::{Exit, Stop};
use super::print::Printer;
use crate::base::{MotionId, Secret};
use crate::config::Config;
use crate::io::admin::export::ExportAct;
use crate::io::admin::protocol::Act;
use crate::io::outside::{Upload, UploadError};
use crate::io::package;
use crate::vault::{LedgerPublic, Suite, hex};

pub(super) fn run(
    (folder, to, token_stdin): (&Path, &str, bool),
    config: &Config,
    node: &mut Node,
    printer: &Printer,
) -> Result<Exit, Stop> {
    let at = |error| Stop::failed(format!("{}: {error}", folder.display()));
    let key = config.store.folder.join("ledger/ledger.pub");
    let public = std::fs::read_to_string(&key).ok().and_then(|text| LedgerPublic::parse(&text));
    let public = public.ok_or_else(|| Stop::failed(format!("{}: not a public key", key.display())))?;
    let report = package::verify_package(folder, &public, &mut |_| ()).map_err(at)?;
    if let Some(finding) = report.findings.first() {
        return Err(Stop::refused(format!("{}: {finding}; it is not sent", folder.display())));
    }
    let text = std::fs::read(folder.join("manifest.json")).map_err(at)?;
    let manifest: Value = serde_json::from_slice(&text).map_err(Stop::failed)?;
    let motion: MotionId = serde_json::from_value(manifest["motion"].clone()).map_err(Stop::failed)?;
    let sealed = !manifest["encrypted"].is_null();
    let manifest_sha256 = hex(&Suite::Intl.digest(&text));
    let upload = Upload { config, package: folder, to, token: token(token_stdin)?, sealed };
    let _: Value =
        node.value(Act::Export(ExportAct::Send { motion, manifest_sha256, to: to.to_string() }))?;
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} files, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let done = upload.run(&mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let receipt = done.map_err(|error| match error {
        UploadError::NotAllowed(_) => Stop::refused(error),
        _ => Stop::failed(error),
    })?;
    let _: Value = node.value(Act::Export(ExportAct::Sent { motion, receipt: receipt.clone() }))?;
    printer.value(&receipt, |receipt| {
        format!(
            "{} took {} files; its receipt is beside the package and in the audit book:\n{}\n",
            receipt.to,
            receipt.files,
            receipt.answer.trim()
        )
    });
    Ok(Exit::Done)
}

fn token(wanted: bool) -> Result<Option<Secret<String>>, Stop> {
    if !wanted {
        return Ok(None);
    }
    let mut text = String::new();
    std::io::stdin().take(16 << 10).read_to_string(&mut text).map_err(Stop::failed)?;
    Ok(Some(Secret::new(text.trim().to_string())))
}
