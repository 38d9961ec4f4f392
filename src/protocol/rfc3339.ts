/**
 * Points in time as text, in UTC with up to nine decimals (RFC 3339), without the clock or the calendar of the machine.
 * The calendar arithmetic counts days in eras of 400 years that begin on the first of March, so that the leap day is the
 * last of its year.
 */
import { InvalidInputError } from './errors.js';
import type { Timestamp } from './gen/google/protobuf/timestamp.js';

const FORM = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;
const DAYS_PER_ERA = 146_097n;
/** Days from the first of March of year 0 to 1970-01-01. */
const EPOCH_DAYS = 719_468n;
const SECONDS_PER_DAY = 86_400n;
const NANOS_PER_MS = 1_000_000;

function daysFromCivil(year: bigint, month: bigint, day: bigint): bigint {
  const y = month <= 2n ? year - 1n : year;
  const era = y / 400n;
  const yearOfEra = y - era * 400n;
  const monthFromMarch = (month + 9n) % 12n;
  const dayOfYear = (153n * monthFromMarch + 2n) / 5n + day - 1n;
  return era * DAYS_PER_ERA + yearOfEra * 365n + yearOfEra / 4n - yearOfEra / 100n + dayOfYear - EPOCH_DAYS;
}

function civilFromDays(days: bigint): { year: bigint; month: bigint; day: bigint } {
  const shifted = days + EPOCH_DAYS;
  const era = shifted / DAYS_PER_ERA;
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = (dayOfEra - dayOfEra / 1460n + dayOfEra / 36_524n - dayOfEra / 146_096n) / 365n;
  const dayOfYear = dayOfEra - (365n * yearOfEra + yearOfEra / 4n - yearOfEra / 100n);
  const monthFromMarch = (5n * dayOfYear + 2n) / 153n;
  const month = monthFromMarch < 10n ? monthFromMarch + 3n : monthFromMarch - 9n;
  return {
    year: yearOfEra + era * 400n + (month <= 2n ? 1n : 0n),
    month,
    day: dayOfYear - (153n * monthFromMarch + 2n) / 5n + 1n,
  };
}

function daysOfMonth(year: bigint, month: bigint): bigint {
  if (month !== 2n) return month === 4n || month === 6n || month === 9n || month === 11n ? 30n : 31n;
  return year % 4n === 0n && (year % 100n !== 0n || year % 400n === 0n) ? 29n : 28n;
}

/** @throws InvalidInputError unless `text` is a date and time of years 1 … 9999 with its offset from UTC. */
export function parseRfc3339(text: string): Timestamp {
  const wrong = (): InvalidInputError =>
    new InvalidInputError(
      `expected a time like 2026-11-01T12:00:00Z, got ${JSON.stringify(text.slice(0, 80))}`,
      'write it in RFC 3339: date, T, time of day, and Z for UTC',
    );
  const match = FORM.exec(text);
  if (match === null) throw wrong();
  const field = (index: number): bigint => BigInt(match[index] ?? '0');
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(field) as [bigint, bigint, bigint, bigint, bigint, bigint];
  const offset = (match[8] === '-' ? -60n : 60n) * (field(9) * 60n + field(10));
  const inRange =
    year >= 1n && month >= 1n && month <= 12n && day >= 1n && day <= daysOfMonth(year, month) &&
    hour <= 23n && minute <= 59n && second <= 59n && field(9) <= 23n && field(10) <= 59n;
  if (!inRange) throw wrong();
  const seconds = daysFromCivil(year, month, day) * SECONDS_PER_DAY + hour * 3600n + minute * 60n + second - offset;
  return { seconds, nanos: Number((match[7] ?? '').padEnd(9, '0')) };
}

/** In UTC, with as many decimals as are not zero. */
export function formatRfc3339(time: Timestamp): string {
  // Division of negative numbers truncates; days before 1970 must round down.
  const days = (time.seconds - (((time.seconds % SECONDS_PER_DAY) + SECONDS_PER_DAY) % SECONDS_PER_DAY)) / SECONDS_PER_DAY;
  const rest = time.seconds - days * SECONDS_PER_DAY;
  const { year, month, day } = civilFromDays(days);
  const two = (value: bigint): string => value.toString().padStart(2, '0');
  const fraction = time.nanos === 0 ? '' : `.${time.nanos.toString().padStart(9, '0').replace(/0+$/, '')}`;
  const date = `${year.toString().padStart(4, '0')}-${two(month)}-${two(day)}`;
  return `${date}T${two(rest / 3600n)}:${two((rest / 60n) % 60n)}:${two(rest % 60n)}${fraction}Z`;
}

/** Negative, zero or positive as `a` is before, at or after `b`. */
export function compareTime(a: Timestamp, b: Timestamp): number {
  if (a.seconds !== b.seconds) return a.seconds < b.seconds ? -1 : 1;
  return a.nanos - b.nanos;
}

/** The point in time that many milliseconds since 1970. */
export function timeFromMs(ms: bigint): Timestamp {
  return { seconds: ms / 1000n, nanos: Number(ms % 1000n) * NANOS_PER_MS };
}

/** Milliseconds since 1970, rounded up, so that no two different milliseconds become one. */
export function timeToMs(time: Timestamp): bigint {
  return time.seconds * 1000n + BigInt(time.nanos + NANOS_PER_MS - 1) / BigInt(NANOS_PER_MS);
}
