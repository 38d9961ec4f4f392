// Builds the native engine of a clone with the same code that `r3mes engine build` runs in an installed package.
export async function buildAddon() {
  const { buildEngine } = await import('../dist/native/build.js');
  return buildEngine({ onLine: (line) => process.env.R3MES_VERBOSE && console.error(line) });
}
