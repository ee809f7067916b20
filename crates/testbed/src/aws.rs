//! The parts of AWS that the testbed plays: the IoT credentials endpoint and STS.

pub(crate) mod alias;
pub(crate) mod certificates;
pub(crate) mod iot;
pub(crate) mod judge;
pub(crate) mod sigv4;
pub(crate) mod sts;
pub(crate) mod vault;
