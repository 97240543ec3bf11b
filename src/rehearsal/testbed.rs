//! Where a rehearsal takes place.

use std::path::PathBuf;

use super::lan::Lan;
use super::metadata::Metadata;
use super::vm::VmEnvironment;
use super::{Cloud, Scenario};
use crate::failure::Result;
use crate::host::workdir::WorkDir;
use crate::report::Progress;
use crate::vm::Accelerator;

/// What a rehearsal needs of the place where it takes place.
pub(super) struct TestbedSpec {
    pub(super) images: [PathBuf; 2],
    pub(super) outside: bool,
    pub(super) door: Option<u16>,
    pub(super) volume: bool,
    pub(super) logs: PathBuf,
    pub(super) cloud: Cloud,
}

impl TestbedSpec {
    pub(super) fn of(scenario: &Scenario) -> Self {
        Self {
            images: scenario.images.clone(),
            outside: scenario.plain,
            door: scenario.forward.as_ref().map(|door| door.port),
            volume: scenario.volume,
            logs: scenario.logs.clone(),
            cloud: scenario.cloud.clone(),
        }
    }
}

/// Where a rehearsal takes place. Dropped after the machines, it takes the LAN and all files but the logs with it.
pub(super) struct Testbed {
    pub(super) environment: VmEnvironment,
    pub(super) _lan: Lan,
    pub(super) _second: Option<Lan>,
    pub(super) _folder: WorkDir,
}

impl Testbed {
    pub(super) fn open(spec: TestbedSpec, progress: &Progress) -> Result<Self> {
        let folder = WorkDir::named(&socket_dir()?, "imagegen-rehearsal-")?;
        let socket = folder.path("lan");
        let lan = Lan::start(&socket)?;
        let cloud = spec.cloud;
        let service = cloud.has_service();
        let metadata = service.then(|| Metadata::start(&socket, cloud.network, cloud.manner)).transpose()?;
        let second_socket = cloud.second_interface.then(|| folder.path("second"));
        let second = second_socket.as_deref().map(Lan::start).transpose()?;
        let (accelerator, reason) = Accelerator::probe(&folder.path(""))?;
        progress.note(&reason);
        fs_err::create_dir_all(&spec.logs)?;
        let environment = VmEnvironment {
            images: spec.images,
            outside: spec.outside,
            door: spec.door,
            volume: spec.volume,
            folder: folder.path(""),
            logs: std::path::absolute(&spec.logs)?,
            cloud,
            lan: socket,
            second: second_socket,
            metadata,
            accelerator,
        };
        Ok(Self { environment, _lan: lan, _second: second, _folder: folder })
    }
}

/// The user's folder for temporary files, or `/tmp`: the path of a socket has at most 107 bytes, of which a rehearsal's own
/// folder and a name in it take up to 47.
pub(super) fn socket_dir() -> Result<PathBuf> {
    let folder = std::path::absolute(std::env::temp_dir())?;
    Ok(if folder.as_os_str().len() <= 60 { folder } else { "/tmp".into() })
}
