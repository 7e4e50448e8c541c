//! Keys and verifiers from environment variables.

use qstash_types::{InvalidSigningKey, Region, SigningKey, UrlText};

use crate::{BuildError, EnvError, KeySet, Verifier, keys::Form};

impl KeySet {
    /// Reads the keys from the environment of the process: see [`from_vars`](Self::from_vars).
    ///
    /// # Errors
    ///
    /// Those of [`from_vars`](Self::from_vars). A value that is not UTF-8 counts as missing.
    pub fn from_env() -> Result<Self, EnvError> {
        Self::from_vars(env)
    }

    /// Reads the keys from variables. Each key is labelled with the name of its variable.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `QSTASH_CURRENT_SIGNING_KEY`, `QSTASH_NEXT_SIGNING_KEY` | the keys for all requests |
    /// | `QSTASH_REGION` | `US_EAST_1` or `EU_CENTRAL_1` if there are keys for regions as well |
    /// | `US_EAST_1_QSTASH_CURRENT_SIGNING_KEY`, … | the keys for one region, if both are set |
    ///
    /// The keys for all requests may be missing if there are some for a region.
    ///
    /// # Errors
    ///
    /// A variable that is missing, empty, has white space or a line break in it, or quotes around its key; the error names it.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self, EnvError> {
        let mut warnings = Vec::new();
        let known_regions: &[Region] = match var("QSTASH_REGION").map(|region| region.parse::<Region>()) {
            None => &[],
            Some(Ok(_)) => &Region::ALL,
            Some(Err(_)) => {
                warnings.push("QSTASH_REGION is neither US_EAST_1 nor EU_CENTRAL_1 and is ignored".into());
                &[]
            }
        };
        let mut regions = Vec::new();
        for region in known_regions {
            match Pair::read(&var, &format!("{}_", region.variable_prefix()))? {
                Pair::Both(keys) => regions.push((*region, keys)),
                Pair::Neither => {}
                Pair::Lacks(variable) => warnings.push(half_a_pair(&variable)),
            }
        }
        let everyone = match Pair::read(&var, "")? {
            Pair::Both(keys) => KeySet::new(keys),
            Pair::Neither if !regions.is_empty() => KeySet::new::<String>([]),
            Pair::Lacks(variable) if !regions.is_empty() => {
                warnings.push(half_a_pair(&variable));
                KeySet::new::<String>([])
            }
            Pair::Neither => return Err(EnvError::Missing { variable: "QSTASH_CURRENT_SIGNING_KEY".into() }),
            Pair::Lacks(variable) => return Err(EnvError::Missing { variable }),
        };
        let mut keys =
            regions.into_iter().fold(everyone, |set, (region, keys)| set.region(region, KeySet::new(keys)));
        warnings.extend(keys.active().filter(|key| matches!(key.form, Form::Odd | Form::ApiToken)).map(
            |key| {
                format!("{} does not start with `sig_`, as signing keys do: is it another value?", key.label)
            },
        ));
        keys.warnings = warnings;
        Ok(keys)
    }

    /// What a person should know about the variables that the set was read from, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Verifier {
    /// Builds a verifier from the environment of the process: see [`from_vars`](Self::from_vars).
    ///
    /// # Errors
    ///
    /// Those of [`from_vars`](Self::from_vars).
    pub fn from_env() -> Result<Self, EnvError> {
        Self::from_vars(env)
    }

    /// Builds a verifier from variables: the keys of [`KeySet::from_vars`], and optionally `QSTASH_RECEIVER_URL`, the
    /// [`origin`](crate::VerifierBuilder::origin), followed by the
    /// [`public_prefix`](crate::VerifierBuilder::public_prefix) if there is one.
    ///
    /// ```
    /// use qstash_verify::Verifier;
    ///
    /// let verifier = Verifier::from_vars(|name| match name {
    ///     "QSTASH_CURRENT_SIGNING_KEY" => Some("sig_current".to_owned()),
    ///     "QSTASH_NEXT_SIGNING_KEY" => Some("sig_next".to_owned()),
    ///     "QSTASH_RECEIVER_URL" => Some("https://api.example.com/v1".to_owned()),
    ///     _ => None,
    /// })?;
    /// assert!(verifier.checks_origin());
    /// # Ok::<_, qstash_verify::EnvError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`KeySet::from_vars`], a URL that is not an origin with an optional path, and published development
    /// keys.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self, EnvError> {
        let mut builder = Verifier::builder(KeySet::from_vars(&var)?);
        if let Some(url) = var("QSTASH_RECEIVER_URL") {
            let prefix = Some(UrlText::new(&url).target).filter(|target| target.starts_with('/'));
            builder = builder.origin(&url[..url.len() - prefix.map_or(0, str::len)]);
            if let Some(prefix) = prefix {
                builder = builder.public_prefix(prefix);
            }
        }
        builder.build().map_err(|error| match error {
            BuildError::NoKeys | BuildError::PublishedKey { .. } | BuildError::NoClock => {
                EnvError::Build(error)
            }
            _ => EnvError::ReceiverUrl(error),
        })
    }
}

fn env(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

fn half_a_pair(missing: &str) -> String {
    format!("{missing} is not set, so the other key of its pair is ignored")
}

/// The current and the next key of everyone or of a region.
enum Pair {
    Both([(String, SigningKey); 2]),
    Neither,
    /// One is set, this one is not.
    Lacks(String),
}

impl Pair {
    fn read(var: impl Fn(&str) -> Option<String>, prefix: &str) -> Result<Self, EnvError> {
        let names = ["CURRENT", "NEXT"].map(|which| format!("{prefix}QSTASH_{which}_SIGNING_KEY"));
        let values = [var(&names[0]), var(&names[1])];
        let [current, next] = names;
        Ok(match values {
            [Some(current_key), Some(next_key)] => {
                Self::Both([key(current, current_key)?, key(next, next_key)?])
            }
            [None, None] => Self::Neither,
            [None, Some(_)] => Self::Lacks(current),
            [Some(_), None] => Self::Lacks(next),
        })
    }
}

fn key(variable: String, value: String) -> Result<(String, SigningKey), EnvError> {
    if value.contains(char::is_whitespace) {
        return Err(EnvError::WhiteSpace { variable });
    }
    if Form::of(&value) == Form::Quoted {
        return Err(EnvError::Quoted { variable });
    }
    match SigningKey::new(value) {
        Ok(key) => Ok((variable, key)),
        Err(InvalidSigningKey::LineBreak) => Err(EnvError::WhiteSpace { variable }),
        Err(_) => Err(EnvError::Empty { variable }),
    }
}
