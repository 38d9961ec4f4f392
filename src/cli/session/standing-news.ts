/** News of an account that every part wants to hear: pay that came, and that it no longer takes part. */
import { type Part, RegistrationStatus } from '../../protocol/gen/remes/remes/v1/node.js';
import { RewardStatus } from '../../protocol/gen/remes/remes/v1/reward.js';
import type { RoleEvent } from '../../roles/role.js';
import type { Account } from './connect.js';
import { enumName } from './records.js';
import { PART_OF, type PartName } from './values.js';

export class StandingNews {
  readonly #part: Part;
  #window: bigint | undefined;
  #rewards: number | undefined;
  #status = RegistrationStatus.ACTIVE;

  constructor(private readonly name: PartName) {
    this.#part = PART_OF[name];
  }

  /** Pay is looked for when another window opens; what was there at the start is no news. */
  async read({ client, address }: Account): Promise<RoleEvent[]> {
    const events: RoleEvent[] = [];
    const status = (await client.queries.registration(this.#part, address))?.status ?? RegistrationStatus.UNBONDING;
    if (status !== this.#status) events.push({ type: 'registration', part: this.name, status: enumName(RegistrationStatus, status) });
    this.#status = status;
    const window = (await client.queries.window())?.id ?? 0n;
    if (window === this.#window && this.#rewards !== undefined) return events;
    this.#window = window;
    const records = (await client.queries.rewards(address)).filter((r) => r.part === this.#part);
    for (const r of records.slice(this.#rewards ?? records.length)) {
      events.push({ type: 'reward', window: r.windowId, gradient: r.gradientId, amount: BigInt(r.amount), face: BigInt(r.face), status: enumName(RewardStatus, r.status) });
    }
    this.#rewards = records.length;
    return events;
  }
}
