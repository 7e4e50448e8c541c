//! The token and the keys of this machine: made once, and kept in the state folder of the user.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use qstash_dev::Account;
use qstash_types::{SigningKey, SigningKeys};
use serde::{Deserialize, Serialize};

const FILE: &str = "account.json";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    token: String,
    current_signing_key: String,
    next_signing_key: String,
}

/// The folder to keep them in, if no other is wanted.
pub(super) fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, String> {
    let path = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = if cfg!(windows) {
        path("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        path("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        path("XDG_STATE_HOME").or_else(|| path("HOME").map(|home| home.join(".local/state")))
    };
    folder
        .map(|folder| folder.join("qstash-dev"))
        .ok_or_else(|| "there is no state folder; --state names one".to_owned())
}

/// What is kept in a folder, if that is anything of use.
pub(super) fn kept(folder: &Path) -> Option<Account> {
    read(&fs::read(folder.join(FILE)).ok()?)
}

/// Reads what is kept in a folder, or makes it if nothing is.
pub(super) fn account(folder: &Path) -> Result<Account, String> {
    let path = folder.join(FILE);
    let failed = |what, error: io::Error| format!("cannot {what} {}: {error}", path.display());
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let account = Account::fresh().map_err(|error| error.to_string())?;
            keep(&account, folder, &path).map_err(|error| failed("make", error))?;
            fs::read(&path)
        }
        read => read,
    };
    let text = text.map_err(|error| failed("read", error))?;
    // What is wrong with a token or a key must not be shown.
    read(&text).ok_or_else(|| {
        format!("{} is damaged; remove it to have another token and keys made", path.display())
    })
}

fn read(text: &[u8]) -> Option<Account> {
    let kept: Kept = serde_json::from_slice(text).ok()?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let key = |key: String| SigningKey::new(key).ok().filter(|key| plain(key.expose()));
    let keys = SigningKeys::new(key(kept.current_signing_key)?, key(kept.next_signing_key)?);
    plain(&kept.token).then(|| Account::new(kept.token, keys))
}

/// Writes the whole file under another name, and gives it its own if nobody else has been faster.
fn keep(account: &Account, folder: &Path, path: &Path) -> io::Result<()> {
    let kept = Kept {
        token: account.token.clone(),
        current_signing_key: account.signing_keys.current.expose().to_owned(),
        next_signing_key: account.signing_keys.next.expose().to_owned(),
    };
    let mut text = serde_json::to_vec_pretty(&kept)?;
    text.push(b'\n');

    for_owner_alone(&mut DirBuilder::new()).recursive(true).create(folder)?;
    let draft = folder.join(format!(".{FILE}.{:016x}", getrandom::u64().map_err(io::Error::other)?));
    let written = write(&draft, &text).and_then(|()| fs::hard_link(&draft, path));
    // If it stays behind, nobody reads it.
    let _ = fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        written => written,
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create_new(true).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

fn for_owner_alone(builder: &mut DirBuilder) -> &mut DirBuilder {
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
    builder
}
