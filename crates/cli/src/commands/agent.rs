//! `squall agent`: the privileged process. `squall run` starts one when none runs.

use super::{Verb, options};
use crate::context::Context;
use crate::exit::Exit;
use clap::ArgMatches;
use squall_agent::shell::{Options as Serving, serve};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("agent", "Serves as this host's privileged agent", run);

#[derive(clap::Args)]
struct Options {
    /// Ends this many milliseconds after the last client left with nothing armed
    #[arg(long, value_name = "MS")]
    idle_exit: Option<u64>,
    /// Its socket [default: $SQUALL_SOCKET, or /run/squall/agent.sock]
    #[arg(long)]
    socket: Option<PathBuf>,
    /// Its state folder [default: $SQUALL_STATE, or /var/lib/squall]
    #[arg(long)]
    state: Option<PathBuf>,
    /// The socket that processes with the Go SDK dial
    /// [default: $SQUALL_SDK_SOCKET, or /run/squall-sdk.sock]
    #[arg(long)]
    sdk_socket: Option<PathBuf>,
    /// Lets processes of this user id register, beside root's; may be given several times
    #[arg(long, value_name = "UID")]
    sdk_user: Vec<u32>,
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { idle_exit, socket, state, sdk_socket, sdk_user } = options(matches);
    let mut serving = Serving::new(env!("CARGO_PKG_VERSION"));
    serving.idle_exit = idle_exit.map(Duration::from_millis);
    if let Some(socket) = socket {
        serving.paths.socket = socket;
    }
    if let Some(state) = state {
        serving.paths.state_dir = state;
    }
    if let Some(sdk_socket) = sdk_socket {
        serving.paths.sdk_socket = sdk_socket;
    }
    serving.sdk_users = sdk_user;
    match serve(&serving) {
        Ok(0) => Exit::Fine("nothing is armed"),
        Ok(_) => context.end(Exit::NotRestored),
        Err(why) => {
            context.error(&why.to_string(), Some(&why.help()));
            context.end(Exit::Bad("refused"))
        }
    }
}
