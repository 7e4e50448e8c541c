//! The engine that codes base64: the fastest one of the platform, several times as fast as the constants of the library.
//!
//! Making one detects the processor and computes tables, so each lives in a static.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod fast {
    use base64::engine::{GeneralPurposeConfig, Simd};

    pub(crate) type Engine = Simd;

    pub(crate) fn standard(config: GeneralPurposeConfig) -> Engine {
        Simd::standard(config)
    }

    pub(crate) fn url_safe(config: GeneralPurposeConfig) -> Engine {
        Simd::url_safe(config)
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod fast {
    use base64::{
        alphabet,
        engine::{GeneralPurpose, GeneralPurposeConfig},
    };

    pub(crate) type Engine = GeneralPurpose;

    pub(crate) fn standard(config: GeneralPurposeConfig) -> Engine {
        GeneralPurpose::new(&alphabet::STANDARD, config)
    }

    pub(crate) fn url_safe(config: GeneralPurposeConfig) -> Engine {
        GeneralPurpose::new(&alphabet::URL_SAFE, config)
    }
}

pub(crate) use fast::{Engine, standard, url_safe};
