import type { ModuleRef } from '@nestjs/core';
import type { TransactionHost } from '@nestjs-cls/transactional';
import type { DataSource, EntityManager } from 'typeorm';

type Library = typeof import('@nestjs-cls/transactional');

/** The transaction that `@Transactional()` of @nestjs-cls/transactional has open around the caller, where the app uses it. */
export class AmbientTransaction {
  private host: TransactionHost | undefined;

  private constructor(
    private readonly dataSource: DataSource,
    private readonly moduleRef: ModuleRef,
    private readonly library: Library | undefined,
  ) {}

  /** The library is an optional peer: without it, there is never an ambient transaction. */
  static async of(dataSource: DataSource, moduleRef: ModuleRef): Promise<AmbientTransaction> {
    const library = await import('@nestjs-cls/transactional').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
      throw error;
    });
    return new AmbientTransaction(dataSource, moduleRef, library);
  }

  get manager(): EntityManager | undefined {
    const host = this.findHost();
    return host?.isTransactionActive() ? (host.tx as EntityManager) : undefined;
  }

  /** Runs `work` in a transaction of its own; as the ambient one too where the app's host is for our DataSource. */
  run<R>(work: (tx: EntityManager) => Promise<R>): Promise<R> {
    const host = this.findHost();
    if ((host?.tx as EntityManager | undefined)?.dataSource !== this.dataSource)
      return this.dataSource.transaction(work);
    return host!.withTransaction(this.library!.Propagation.RequiresNew, () => work(host!.tx as EntityManager));
  }

  /**
   * The host of this app, found in its container and not by the library's static registry, which knows only the last one
   * made in the process. Looked up when it is needed: our module may be set up before it.
   */
  private findHost(): TransactionHost | undefined {
    if (!this.library || this.host) return this.host;
    try {
      this.host = this.moduleRef.get(this.library.TransactionHost, { strict: false });
    } catch {
      return undefined; // the app does not register ClsPluginTransactional
    }
    return this.host;
  }
}
