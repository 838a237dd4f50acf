use ledgerline::plan::*;
struct Disk(std::path::PathBuf);
impl Sources for Disk {
    fn plan(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.0.join(path)).ok()
    }
    fn sound(&self, path: &str) -> Result<Sound, SoundError> {
        let bytes = std::fs::read(self.0.join(path)).map_err(|_| SoundError::Missing)?;
        use sha2::Digest;
        Ok(Sound::new(sha2::Sha256::digest(&bytes).into(), std::time::Duration::from_secs(1)))
    }
}
fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().unwrap();
    let roots: Vec<String> = args.collect();
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    let t = std::time::Instant::now();
    let (program, found) = load(&Disk(dir.into()), &roots);
    for d in &found {
        print!("{}{}", d.render(Lang::En), d.render(Lang::Zh));
    }
    println!("{:?} {} findings {:?}", program.map(|p| p.hash_hex()), found.len(), t.elapsed());
}
