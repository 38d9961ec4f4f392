import { InputFile, readSmallFile } from './input-file.js';
import { decodeManifest, MAX_MANIFEST_BYTES } from './manifest.js';
import type { Manifest } from './manifest.js';
import { decodeTokenHeader, TOKEN_HEADER_BYTES } from './tokens.js';
import type { TokenFileHeader } from './tokens.js';

/** What a file of a dataset turned out to be. */
export type InspectedFile =
  | { readonly kind: 'tokens'; readonly header: TokenFileHeader; readonly sizeBytes: number }
  | { readonly kind: 'dataset'; readonly manifest: Manifest; readonly bytes: Uint8Array };

/**
 * Reads a token file's header or a whole manifest, told apart by what they hold.
 * @throws InvalidInputError names the field for what is neither, or was changed; R3mesError NOT_FOUND, FILE_IO.
 */
export async function inspectFile(path: string): Promise<InspectedFile> {
  const tokens = await InputFile.read(path, async (file): Promise<InspectedFile | undefined> => {
    const head = await file.head(TOKEN_HEADER_BYTES);
    if (!head.toString('latin1').includes('"format":"r3mes-tokens"')) return undefined;
    return { kind: 'tokens', header: decodeTokenHeader(head, file.sizeBytes), sizeBytes: file.sizeBytes };
  });
  if (tokens !== undefined) return tokens;
  const bytes = await readSmallFile(path, MAX_MANIFEST_BYTES);
  return { kind: 'dataset', manifest: decodeManifest(bytes), bytes };
}
