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
struct StateFile {
    token: String,
    current_signing_key: String,
    next_signing_key: String,
}

/// The folder to keep them in, if no other is wanted.
pub(crate) fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, String> {
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
pub(crate) fn kept(folder: &Path) -> Option<Account> {
    read(&fs::read(folder.join(FILE)).ok()?)
}

/// Reads what is kept in a folder, or makes it if nothing is.
pub(crate) fn account(folder: &Path) -> Result<Account, String> {
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
    check_access(folder, &path)?;
    // What is wrong with a token or a key must not be shown.
    read(&text).ok_or_else(|| {
        format!("{} is damaged; remove it to have another token and keys made", path.display())
    })
}

/// Whoever can write the file, or replace it in its folder, chooses the token and the keys of this server. Whoever can read it
/// has them.
#[cfg(unix)]
fn check_access(folder: &Path, path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;

    const WRITE: u32 = 0o022;
    /// In such a folder files belong to who has made them.
    const STICKY: u32 = 0o1000;
    let mode = |path: &Path| {
        let metadata =
            fs::metadata(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Ok::<_, String>(metadata.permissions().mode())
    };
    let (folder_mode, file_mode) = (mode(folder)?, mode(path)?);
    let way_out = "or set QSTASH_TOKEN and the keys in the environment";
    if folder_mode & WRITE != 0 && folder_mode & STICKY == 0 {
        let folder = folder.display();
        return Err(format!("other users can replace what is in {folder}: chmod 700 {folder}, {way_out}"));
    }
    if file_mode & WRITE != 0 {
        let path = path.display();
        return Err(format!("other users can write {path}: chmod 600 {path}, {way_out}"));
    }
    warn_of_readers(path);
    Ok(())
}

#[cfg(not(unix))]
fn check_access(_: &Path, _: &Path) -> Result<(), String> {
    Ok(())
}

/// Says so if other users can read a file with the token and the keys.
#[cfg(unix)]
pub(crate) fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    const READ: u32 = 0o044;
    if fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & READ != 0) {
        let path = path.display();
        tracing::warn!("other users can read the token and the keys in {path}: chmod 600 {path}");
    }
}

#[cfg(not(unix))]
pub(crate) fn warn_of_readers(_: &Path) {}

fn read(text: &[u8]) -> Option<Account> {
    let kept: StateFile = serde_json::from_slice(text).ok()?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let key = |key: String| SigningKey::new(key).ok().filter(|key| plain(key.expose()));
    let keys = SigningKeys::new(key(kept.current_signing_key)?, key(kept.next_signing_key)?);
    plain(&kept.token).then(|| Account::new(kept.token, keys))
}

/// Writes the file under a temporary name, and renames it unless another process has made it meanwhile.
fn keep(account: &Account, folder: &Path, path: &Path) -> io::Result<()> {
    let kept = StateFile {
        token: account.token.clone(),
        current_signing_key: account.signing_keys.current.expose().to_owned(),
        next_signing_key: account.signing_keys.next.expose().to_owned(),
    };
    let mut text = serde_json::to_vec_pretty(&kept)?;
    text.push(b'\n');

    for_owner_alone(&mut DirBuilder::new()).recursive(true).create(folder)?;
    let draft = folder.join(format!(".{FILE}.{:016x}", getrandom::u64().map_err(io::Error::other)?));
    let written = write(&draft, &text).and_then(|()| fs::hard_link(&draft, path));
    // A draft that stays behind does no harm.
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
