//! For which machine and which C library a shared library was built: as much of its ELF header as tells that.
//!
//! The loader's own words for a wrong one are "cannot open shared object file: No such file or directory" about a
//! file that is there; and a module for the other C library, should it load, crashes later.

/// What an ELF file says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Built {
    bits: u8,
    little_endian: bool,
    machine: u16,
    c_library: Option<CLibrary>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CLibrary {
    Gnu,
    Musl,
}

/// `EM_…` of the machines that this is built for and others that modules come for.
const MACHINES: [(u16, &str, &str); 6] = [
    (3, "x86", "32-bit x86"),
    (40, "arm", "32-bit ARM"),
    (62, "x86_64", "x86-64"),
    (183, "aarch64", "64-bit ARM"),
    (243, "riscv64", "RISC-V"),
    (21, "powerpc64", "64-bit POWER"),
];

/// What is wrong with a module for certain; completes "the module …". Nothing is said of what cannot be read.
pub(crate) fn misfit(file: &[u8]) -> Option<String> {
    if !file.starts_with(b"\x7fELF") {
        return Some("is no shared library: it has no ELF header".into());
    }
    let built = Built::read(file)?;
    let ours = MACHINES.iter().find(|(_, arch, _)| *arch == std::env::consts::ARCH)?;
    let big_endian = cfg!(target_endian = "big");
    if built.machine != ours.0
        || built.bits != usize::BITS.try_into().ok()?
        || built.little_endian == big_endian
    {
        return Some(format!("is built for {}, this process runs on {}", built.machine(), ours.2));
    }
    (built.c_library == Some(CLibrary::Musl) && cfg!(target_env = "gnu")).then(|| {
        "is built for the C library musl, this process uses glibc: install the build for glibc".into()
    })
}

/// What is probably wrong with a module that the loader has refused.
pub(crate) fn likely_misfit(file: &[u8]) -> Option<&'static str> {
    // Some load all the same, with a compatibility layer installed.
    let gnu = Built::read(file)?.c_library == Some(CLibrary::Gnu);
    (gnu && cfg!(target_env = "musl"))
        .then_some("is built for glibc, this process uses the C library musl: install the build for musl")
}

impl Built {
    fn read(file: &[u8]) -> Option<Self> {
        let bits = if *file.get(4)? == 2 { 64 } else { 32 };
        let little_endian = *file.get(5)? == 1;
        let reader = Reader { file, little_endian, wide: bits == 64 };
        let machine = u16::try_from(reader.number(18, 2)?).ok()?;
        Some(Self { bits, little_endian, machine, c_library: reader.c_library() })
    }

    fn machine(self) -> String {
        let name = MACHINES.iter().find(|(number, ..)| *number == self.machine).map(|(_, _, name)| *name);
        name.map_or_else(|| format!("another machine (ELF number {})", self.machine), str::to_owned)
    }
}

/// Where things are in the file (System V ABI, chapters 4 and 5). Every number in it may be wrong.
struct Reader<'a> {
    file: &'a [u8],
    little_endian: bool,
    wide: bool,
}

impl Reader<'_> {
    const LOAD: usize = 1;
    const DYNAMIC: usize = 2;
    const NEEDED: usize = 1;
    const STRINGS: usize = 5;

    fn number(&self, at: usize, bytes: usize) -> Option<usize> {
        let bytes = self.file.get(at..at.checked_add(bytes)?)?;
        let fold = |sum: usize, byte: &u8| Some(sum.checked_mul(256)? + usize::from(*byte));
        if self.little_endian { bytes.iter().rev().try_fold(0, fold) } else { bytes.iter().try_fold(0, fold) }
    }

    /// A word of the file's own class: of the position for 32 bits, or of the one for 64.
    fn word(&self, base: usize, narrow: usize, wide: usize) -> Option<usize> {
        let (offset, bytes) = if self.wide { (wide, 8) } else { (narrow, 4) };
        self.number(base.checked_add(offset)?, bytes)
    }

    fn half(&self, narrow: usize, wide: usize) -> Option<usize> {
        self.number(if self.wide { wide } else { narrow }, 2)
    }

    /// Kind and position of each program header.
    fn segments(&self) -> Option<Vec<(usize, usize)>> {
        let (start, size, count) = (self.word(0, 28, 32)?, self.half(42, 54)?, self.half(44, 56)?);
        (0..count)
            .map(|index| {
                let at = start.checked_add(index.checked_mul(size)?)?;
                Some((self.number(at, 4)?, at))
            })
            .collect()
    }

    /// The C library among the libraries it needs.
    fn c_library(&self) -> Option<CLibrary> {
        let segments = self.segments()?;
        let dynamic = segments.iter().find(|(kind, _)| *kind == Self::DYNAMIC)?.1;
        let (start, length) = (self.word(dynamic, 4, 8)?, self.word(dynamic, 16, 32)?);
        let size = if self.wide { 16 } else { 8 };
        let entries: Vec<_> = (0..length.min(self.file.len()) / size)
            .map_while(|index| {
                let at = start.checked_add(index * size)?;
                Some((self.word(at, 0, 0)?, self.word(at, 4, 8)?))
            })
            .take_while(|(tag, _)| *tag != 0)
            .collect();
        let strings = entries.iter().find(|(tag, _)| *tag == Self::STRINGS)?.1;
        let strings = segments.iter().filter(|(kind, _)| *kind == Self::LOAD).find_map(|(_, at)| {
            let (offset, address, size) =
                (self.word(*at, 4, 8)?, self.word(*at, 8, 16)?, self.word(*at, 16, 32)?);
            let inside = strings.checked_sub(address).filter(|inside| *inside < size)?;
            offset.checked_add(inside)
        })?;
        entries.iter().filter(|(tag, _)| *tag == Self::NEEDED).find_map(|(_, name)| {
            let name = self.file.get(strings.checked_add(*name)?..)?;
            match name.split(|byte| *byte == 0).next()? {
                b"libc.so.6" => Some(CLibrary::Gnu),
                b"libc.so" => Some(CLibrary::Musl),
                other => other.starts_with(b"libc.musl-").then_some(CLibrary::Musl),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ourselves() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", target_endian = "little"))]
    fn this_program_fits_and_others_do_not() {
        let mut file = ourselves();
        assert_eq!(misfit(&file), None);
        assert_eq!(Built::read(&file).unwrap().c_library, Some(CLibrary::Gnu));
        // The names of needed libraries come early in the string table, and are what is changed here.
        let at = file.windows(10).position(|bytes| bytes == b"libc.so.6\0").unwrap();
        file[at + 7..at + 9].fill(0);
        assert!(misfit(&file).unwrap().contains("musl"));
        file[18] = 8;
        assert!(misfit(&file).unwrap().contains("another machine (ELF number 8)"));
        file[18] = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
        assert!(misfit(&file).unwrap().contains("is built for "));
    }

    #[test]
    fn a_mangled_file_is_read_without_a_panic() {
        assert!(misfit(b"-----BEGIN CERTIFICATE-----").unwrap().contains("no shared library"));
        let mut file = ourselves();
        file.truncate(4096);
        for at in 0..file.len().min(1024) {
            for value in [0, 0x7f, 0xff] {
                let before = std::mem::replace(&mut file[at], value);
                let _ = (misfit(&file), likely_misfit(&file));
                file[at] = before;
            }
        }
        for length in 0..200 {
            let _ = misfit(&file[..length]);
        }
    }
}
