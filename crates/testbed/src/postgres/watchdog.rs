use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::installed::Installed;

/// A shell that owns the folder and the server in it. It obeys orders on its standard input, and when that ends,
/// because its owner dropped it or died, it stops the server and removes the folder. No signal ends it before.
const SCRIPT: &str = r#"
trap '' HUP INT PIPE TERM
programs=$1
folder=$(mktemp -d /tmp/vestibule-postgres-XXXXXX) || exit 1
exec 2>>"$folder/log"
echo "$folder"
init() {
    "$programs/initdb" --no-sync --auth trust --username vestibule --encoding UTF8 --locale C \
        --pgdata "$folder/data" </dev/null >&2 &&
        echo "unix_socket_directories = '$folder'" >>"$folder/data/postgresql.conf"
}
start() {
    test -z "$server" || return
    "$programs/postgres" -D "$folder/data" </dev/null >&2 &
    server=$!
    until grep -qs ready "$folder/data/postmaster.pid"; do
        kill -0 $server || { server=; return 1; }
        sleep 0.02
    done
}
stop() {
    kill -QUIT $server || return
    wait $server
    server=
}
while read -r task; do
    $task
    echo $?
done
test -n "$server" && stop
rm -rf "$folder"
"#;

/// What holds a server, and outlives this process by a moment.
#[derive(Debug)]
pub(super) struct Watchdog {
    shell: Child,
    /// `None` once it is to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    folder: String,
}

impl Watchdog {
    pub(super) fn start(installed: &Installed) -> Result<Self, String> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "postgres-watchdog"])
            .arg(installed.folder())
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A Ctrl-C in the terminal is for the owner alone.
            .process_group(0);
        if let Some((user, group)) = another_user()? {
            command.uid(user).gid(group);
        }
        let mut shell = command.spawn().map_err(|error| format!("/bin/sh: {error}"))?;
        let orders = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().expect("its output is piped"));
        let mut watchdog = Self { shell, orders, answers, folder: String::new() };
        watchdog.folder = watchdog.answer()?;
        Ok(watchdog)
    }

    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    /// Has `init`, `start` or `stop` done, and waits for it.
    pub(super) fn order(&mut self, task: &str) -> Result<(), String> {
        let orders = self.orders.as_mut().expect("it is told to end only by being dropped");
        writeln!(orders, "{task}").map_err(|error| format!("the watchdog is gone: {error}"))?;
        match self.answer()?.as_str() {
            "0" => Ok(()),
            code => {
                let log = fs::read_to_string(format!("{}/log", self.folder)).unwrap_or_default();
                Err(format!("PostgreSQL: {task} failed ({code}):\n{log}"))
            }
        }
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(1..) => Ok(line.trim_end().to_owned()),
            Ok(0) => Err("the watchdog ended: is /tmp writable?".to_owned()),
            Err(error) => Err(format!("the watchdog can't be heard: {error}")),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.shell.wait();
    }
}

/// PostgreSQL refuses to run as root: then it is `postgres`, or else `nobody`, with that user's group.
fn another_user() -> Result<Option<(u32, u32)>, String> {
    let id = Command::new("id").arg("-u").output().map_err(|error| format!("id: {error}"))?;
    if id.stdout != b"0\n" {
        return Ok(None);
    }
    let users =
        fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
    let user = ["postgres", "nobody"].iter().find_map(|name| ids(&users, name));
    user.map(Some).ok_or_else(|| "no user but root is in /etc/passwd to run PostgreSQL".to_owned())
}

/// `name:x:101:104:…` has the ids 101 and 104.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = users.lines().map(|line| line.split(':'));
    fields.find_map(|mut line| {
        let named = line.next()? == name;
        let (user, group) = (line.nth(1)?.parse().ok()?, line.next()?.parse().ok()?);
        named.then_some((user, group))
    })
}

#[cfg(test)]
mod tests {
    use super::ids;

    #[test]
    fn the_ids_of_a_user_are_the_third_and_fourth_field() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(ids(users, "postgres"), Some((101, 104)));
        assert_eq!(ids(users, "nobody"), None);
    }
}
