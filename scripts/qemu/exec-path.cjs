// Loaded before everything else in a Node under qemu: the kernel cannot run that Node's own binary, so what starts another
// one of it, with `process.execPath`, gets the script that runs it under qemu.

process.execPath = process.env.QEMU_NODE;
process.execArgv = process.execArgv.filter(
  (argument, n, all) => argument !== "--require" && all[n - 1] !== "--require",
);
