//! sherpa-onnx in this process as a recogniser: the files of its folder, and one listener a stream.
//!
//! Invariant: what it says is read as what its server says is ([`Protocol::Sherpa`]), so that both are the same to whoever listens.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::inside::Engine;
use super::library::{Files, Library, Stream};
use crate::config::{self, Network};
use crate::speech::{Dialogue, Listener, Opening, Protocol, Said, Wanted};

/// The engine.
pub struct Sherpa {
    library: Arc<Library>,
    rate: u32,
}

impl Sherpa {
    /// With the library and the network of the configured folder.
    ///
    /// # Errors
    /// A file is missing, or the library does not take them.
    pub fn load(config: &config::Library) -> io::Result<Sherpa> {
        let files = files(&config.folder, config.network)?;
        let rate = config.network.rate();
        let library = Library::load(&config.folder, &files, rate).map_err(io::Error::other)?;
        Ok(Sherpa { library: Arc::new(library), rate })
    }
}

impl Engine for Sherpa {
    fn rate(&self) -> u32 {
        self.rate
    }

    fn listener(&self, _: &Wanted) -> Box<dyn Listener> {
        let opening = Opening { name: String::new(), rate: self.rate, phrases: Vec::new() };
        Box::new(Ear {
            stream: self.library.stream(),
            dialogue: Protocol::Sherpa.dialogue(&opening),
            told: String::new(),
        })
    }

    fn minds_words(&self) -> bool {
        false
    }
}

/// The network's files in `folder`, by how sherpa-onnx's releases name them.
fn files(folder: &Path, network: Network) -> io::Result<Files> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
    names.sort();
    // Where both are there, the 8-bit one is meant for processors.
    let one = |start: &str| {
        let fits = |path: &&PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            name.starts_with(start) && name.ends_with(".onnx")
        };
        let is_small = |path: &&PathBuf| path.to_string_lossy().contains("int8");
        let all = || names.iter().filter(fits);
        all().find(is_small).or_else(|| all().next()).cloned().ok_or_else(|| missing(folder, start))
    };
    let tokens = folder.join("tokens.txt");
    if !tokens.is_file() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{}: there is none", tokens.display())));
    }
    let files = Files { tokens, ..Files::default() };
    Ok(match network {
        Network::Transducer => {
            Files { transducer: Some([one("encoder")?, one("decoder")?, one("joiner")?]), ..files }
        }
        Network::Paraformer => Files { paraformer: Some([one("encoder")?, one("decoder")?]), ..files },
        Network::ZipformerCtc => Files { zipformer_ctc: Some(one("")?), ..files },
        Network::NemoCtc => Files { nemo_ctc: Some(one("")?), ..files },
        Network::TOneCtc => Files { t_one_ctc: Some(one("")?), ..files },
    })
}

fn missing(folder: &Path, start: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{}: there is no {start}*.onnx", folder.display()))
}

/// One stream.
struct Ear {
    /// `None`: the library gave none; then nothing is heard.
    stream: Option<Stream>,
    dialogue: Box<dyn Dialogue>,
    /// The answer that was told last.
    told: String,
}

impl Ear {
    fn hear(&mut self, samples: &[i16], last: bool) -> Vec<Said> {
        let Some(stream) = &mut self.stream else { return Vec::new() };
        // It counts the sound, by which it knows when something was said.
        let _ = self.dialogue.sound(samples);
        let floats: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
        stream.hear(&floats, last);
        let (json, over) = stream.result();
        if json == self.told && !over && !last {
            return Vec::new();
        }
        self.told.clone_from(&json);
        let answer = ended(&json, over || last);
        self.dialogue.read(&answer).unwrap_or_default()
    }
}

/// The same answer with the server's word for a segment that is over.
fn ended(json: &str, over: bool) -> String {
    match serde_json::from_str::<Value>(json) {
        Ok(Value::Object(mut answer)) if over => {
            answer.insert("is_final".into(), Value::Bool(true));
            Value::Object(answer).to_string()
        }
        _ => json.to_string(),
    }
}

impl Listener for Ear {
    fn sound(&mut self, samples: &[i16]) -> Vec<Said> {
        self.hear(samples, false)
    }

    fn close(&mut self) -> Vec<Said> {
        self.hear(&[], true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_names_and_the_smaller_one_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["tokens.txt", "encoder-e.onnx", "encoder-e.int8.onnx", "decoder-e.onnx", "joiner-e.onnx"]
        {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let found = files(folder.path(), Network::Transducer).expect("all there").transducer.expect("three");
        let names: Vec<&str> =
            found.iter().filter_map(|path| path.file_name().and_then(|name| name.to_str())).collect();
        assert_eq!(names, ["encoder-e.int8.onnx", "decoder-e.onnx", "joiner-e.onnx"]);
        std::fs::remove_file(folder.path().join("joiner-e.onnx")).expect("removed");
        let error = files(folder.path(), Network::Transducer).expect_err("one is missing").to_string();
        assert!(error.contains("joiner*.onnx"), "{error}");
        assert!(files(folder.path(), Network::Paraformer).is_ok());
    }

    #[test]
    fn a_folder_without_a_library_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["tokens.txt", "model.onnx"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let config =
            config::Library { folder: folder.path().into(), network: Network::ZipformerCtc, threads: 1 };
        let error = Sherpa::load(&config).err().expect("no library").to_string();
        assert!(error.contains("libonnxruntime.so"), "{error}");
    }
}
