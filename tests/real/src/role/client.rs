//! A run that can be killed: arms what it is told, renews it, and disarms on a word.

use squall_agent::client::Client;
use squall_agent::paths::Paths;
use squall_wire::injection::Injection;
use squall_wire::protocol::{Answer, Ask};
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

pub(crate) fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect(&Paths::from_env().socket, "killed run")?;
    println!("connected");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let injection: Injection = serde_json::from_str(&line)?;
    let (run, injection_id) = (injection.run.clone(), injection.id.clone());
    client.call(Ask::Arm { injection: Box::new(injection), radius_max: 1 })?;
    println!("armed");
    loop {
        std::io::stdout().flush()?;
        line.clear();
        match std::io::stdin().read_line(&mut line)? {
            0 => return Ok(()),
            _ if line.starts_with("bite") => {
                let bite = Ask::Bite { run: run.clone(), injection: injection_id.clone() };
                drop(client.call(bite));
                println!("bitten");
            }
            _ if line.starts_with("disarm") => {
                let answer = client.call(Ask::Disarm { run: run.clone(), injection: None })?;
                let Answer::Disarmed { outcomes } = answer else { return Err("no".into()) };
                println!("disarmed {}", outcomes.len());
            }
            _ => drop(client.call(Ask::Renew { run: run.clone() })?),
        }
    }
}
