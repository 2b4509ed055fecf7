import { DuplicateLessorError, UnknownLessorError } from '../lessor.errors.js';
import type { Lessor, StoreLessorOptions } from './lessor.js';

/** Makes a lessor; it is called once, when somebody asks for it. Pass the options on, or what they report is lost. */
export type LessorFactory = (options: StoreLessorOptions) => Lessor | Promise<Lessor>;

/** The lessors that an app can choose from, by id. */
export class LessorRegistry {
  private readonly factories = new Map<string, LessorFactory>();
  private readonly lessors = new Map<string, Promise<Lessor>>();

  constructor(private readonly options: StoreLessorOptions = {}) {}

  /** Throws `DuplicateLessorError` when the id is taken. */
  register(id: string, factory: LessorFactory): void {
    if (this.factories.has(id)) throw new DuplicateLessorError(id);
    this.factories.set(id, factory);
  }

  /** The one lessor of this id. Rejects with `UnknownLessorError`, or with what the factory threw; then it may be asked again. */
  async get(id: string): Promise<Lessor> {
    const factory = this.factories.get(id);
    if (!factory) throw new UnknownLessorError(id, [...this.factories.keys()]);
    let lessor = this.lessors.get(id);
    if (!lessor) {
      lessor = Promise.resolve(this.options).then(factory);
      this.lessors.set(id, lessor);
      lessor.catch(() => this.lessors.delete(id));
    }
    return lessor;
  }
}
