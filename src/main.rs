//! The one binary. Everything is in the library; `cli` reads the command line.

fn main() -> std::process::ExitCode {
    ledgerline::cli::main()
}
