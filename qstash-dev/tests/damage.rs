//! Data folders that were damaged: a server refuses them and leaves them as they are, or goes on without a loss.
//!
//! ```text
//! DAMAGES=1000 cargo test --release -p qstash-dev --test damage -- --nocapture
//! ```
//!
//! does it a thousand times to a folder of each kind; without the variable it takes a few seconds.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    collections::BTreeMap,
    fs, panic,
    path::{Path, PathBuf},
    time::SystemTime,
};

use qstash_dev::{DevServer, StartError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// How often a folder is damaged, for each state that it was left in, unless the variable `DAMAGES` says otherwise.
const DAMAGES: usize = 150;
const MESSAGES: usize = 20;
const TOKEN: &str = "token";
/// What a data folder holds.
const DATABASE: &str = "qstash.redb";
const COMMITS: &str = "commits";

/// A folder of the test's own, gone on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    async fn start(&self) -> Result<DevServer, StartError> {
        DevServer::builder().token(TOKEN).data(&self.0).start().await
    }

    fn files(&self) -> Files {
        let read = |name| (name, fs::read(self.0.join(name)).unwrap());
        [read(DATABASE), read(COMMITS)].into()
    }

    fn write(&self, files: &Files) {
        for (name, content) in files {
            fs::write(self.0.join(name), content).unwrap();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Files = BTreeMap<&'static str, Vec<u8>>;

/// Makes a call of the API, and returns status line, head and body of the answer.
async fn call(server: &DevServer, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head =
        format!("Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\nContent-Length: 0");
    stream.write_all(format!("{request} HTTP/1.1\r\n{head}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// What the API tells of a message, if it is there.
async fn told_of(server: &DevServer, message: &str) -> Option<String> {
    let answer = call(server, &format!("GET /v2/messages/{message}")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    head.starts_with("HTTP/1.1 200 ").then(|| body.to_owned())
}

/// The folder of a server that has accepted messages: while it runs, which is what a kill leaves, and after its end. Also what is
/// told of each message by its id.
async fn left_behind() -> ([Files; 2], BTreeMap<String, String>) {
    let folder = Folder::new("whole");
    let server = folder.start().await.unwrap();
    let mut messages = BTreeMap::new();
    for number in 0..MESSAGES {
        let hook = format!("http://127.0.0.1:9/{}", number.to_string().repeat(200));
        let answer = call(&server, &format!("POST /v2/publish/{hook}?upstash-delay=1h")).await;
        let (_, id) = answer.split_once(r#"{"messageId":""#).unwrap();
        let id = id.trim_end_matches("\"}").to_owned();
        let told = told_of(&server, &id).await.unwrap();
        messages.insert(id, told);
    }
    let killed = folder.files();
    server.shutdown().await;
    ([killed, folder.files()], messages)
}

#[derive(Default)]
struct Outcomes {
    refused: usize,
    whole: usize,
    problems: Vec<String>,
}

#[tokio::test]
async fn damage_is_refused_or_does_no_harm_and_a_refused_start_changes_nothing() {
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos();
    let mut random = Random(u64::from(seed) | 1);
    let count = std::env::var("DAMAGES").map_or(DAMAGES, |count| count.parse().unwrap());
    let (states, messages) = left_behind().await;
    // Content that makes no sense has the database panic, which is caught. A thousand of these texts are of no use.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut lines = Vec::new();
    let mut problems = Vec::new();
    for (state, whole) in ["killed", "closed"].into_iter().zip(states) {
        let folder = Folder::new(state);
        let mut outcomes = Outcomes::default();
        let every_bit_of_the_header =
            (0..64).map(|place| Damage::Flip { file: DATABASE, place, bit: place % 8 });
        // Which of two commits counts, and what has to be done first.
        let flags = (0..8).map(|bit| Damage::Flip { file: DATABASE, place: 9, bit });
        let first = every_bit_of_the_header.chain(flags);
        let rest = std::iter::repeat_with(|| Damage::any(&mut random, &whole)).take(count - 72);
        for damage in first.chain(rest).collect::<Vec<_>>() {
            try_out(&folder, &whole, &damage, &messages, &mut outcomes).await;
        }
        let Outcomes { refused, whole, problems: found } = outcomes;
        let lost = found.len();
        lines.push(format!(
            "{state}: {count} damages, {refused} refused, {whole} without a loss, {lost} otherwise"
        ));
        problems.extend(found.into_iter().map(|problem| format!("{state}: {problem}")));
        // The test can tell both.
        assert!(refused > count / 10 && whole > count / 10, "{lines:?}");
    }
    panic::set_hook(hook);
    println!("{}", lines.join("\n"));
    assert!(problems.is_empty(), "seed {seed}: {problems:#?}");
}

async fn try_out(
    folder: &Folder,
    whole: &Files,
    damage: &Damage,
    messages: &BTreeMap<String, String>,
    outcomes: &mut Outcomes,
) {
    let damaged = damage.done_to(whole);
    folder.write(&damaged);
    match folder.start().await {
        Err(StartError::DataDamaged { .. }) => {
            outcomes.refused += 1;
            if damage.file() == COMMITS {
                outcomes.problems.push(format!("{damage:?} was refused, and all messages are there"));
            }
            if folder.files() != damaged {
                outcomes.problems.push(format!("{damage:?} was refused, and the folder is another one"));
            }
            // What was repaired, perhaps from a copy, is there again for the same process.
            folder.write(whole);
            match folder.start().await {
                Ok(server) => server.shutdown().await,
                Err(error) => {
                    outcomes.problems.push(format!("{damage:?}: what is whole again is refused: {error}"));
                }
            }
        }
        Err(error) => outcomes.problems.push(format!("{damage:?} is told as {error}")),
        Ok(server) => {
            let mut lost = 0;
            for (id, told) in messages {
                lost += usize::from(told_of(&server, id).await.as_ref() != Some(told));
            }
            server.shutdown().await;
            if lost == 0 {
                outcomes.whole += 1;
            } else {
                outcomes
                    .problems
                    .push(format!("{damage:?} was accepted, and {lost} messages are gone or altered"));
            }
        }
    }
}

/// What may happen to a file.
#[derive(Debug)]
enum Damage {
    Flip { file: &'static str, place: usize, bit: usize },
    Cut { file: &'static str, length: usize },
}

impl Damage {
    /// Most of the database file is empty, and there a flip does no harm: every other one is where something stands.
    fn any(random: &mut Random, whole: &Files) -> Self {
        let file = if random.below(20) == 0 { COMMITS } else { DATABASE };
        let content = &whole[file];
        if random.below(8) == 0 {
            return Self::Cut { file, length: random.below(content.len()) };
        }
        let mut place = random.below(content.len());
        if random.below(2) == 0 {
            place = (place..content.len()).find(|&place| content[place] != 0).unwrap_or(place);
        }
        Self::Flip { file, place, bit: random.below(8) }
    }

    fn file(&self) -> &'static str {
        match *self {
            Self::Flip { file, .. } | Self::Cut { file, .. } => file,
        }
    }

    fn done_to(&self, whole: &Files) -> Files {
        let mut files = whole.clone();
        match *self {
            Self::Flip { file, place, bit } => files.get_mut(file).unwrap()[place] ^= 1 << bit,
            Self::Cut { file, length } => files.get_mut(file).unwrap().truncate(length),
        }
        files
    }
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}
