import { R3mesError } from '../protocol/errors.js';

export function contentNotFound(cid: string, what = 'block'): R3mesError {
  return new R3mesError({
    code: 'CONTENT_NOT_FOUND',
    message: `${what} ${cid} is not in the content store`,
    hint: 'fetch it from whoever announced it, or add the file again',
    retryable: true,
  });
}

export function contentCorrupt(cid: string, seen: string): R3mesError {
  return new R3mesError({
    code: 'CONTENT_CORRUPT',
    message: `block ${cid} is not what its CID says: ${seen}`,
    hint: 'add the file again: the store replaces blocks that do not match',
  });
}

/** The blocks hash to their CIDs but do not form a file as the profile makes them. */
export function contentMalformed(cid: string, seen: string): R3mesError {
  return new R3mesError({
    code: 'CONTENT_MALFORMED',
    message: `block ${cid} is no UnixFS node of the unixfs-v1-2025 profile: ${seen}`,
    hint: 'whoever made this content must add it with that profile',
  });
}

export function contentTooLarge(cid: string, sizeBytes: bigint, maxBytes: bigint): R3mesError {
  return new R3mesError({
    code: 'CONTENT_TOO_LARGE',
    message: `${cid} is ${sizeBytes} bytes long, expected at most ${maxBytes}`,
  });
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
}

export function isMissing(cause: unknown): boolean {
  return codeOf(cause) === 'ENOENT';
}

/** An error of the file system as one of ours; errors that are ours already pass unchanged. */
export function storeError(cause: unknown, doing: string): R3mesError {
  if (cause instanceof R3mesError) return cause;
  const code = codeOf(cause);
  if (FULL.has(code)) {
    return new R3mesError({
      code: 'DISK_FULL',
      message: `no space left (${code}) while ${doing}`,
      hint: 'free some space or move the content store, then run the same again; what was written whole is kept',
      retryable: true,
      cause,
    });
  }
  return new R3mesError({
    code: 'STORE_IO',
    message: `the content store failed (${code}) while ${doing}`,
    hint: 'check that the directory exists, belongs to you and is on a healthy disk',
    cause,
  });
}
