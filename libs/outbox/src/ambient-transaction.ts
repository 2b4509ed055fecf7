import type { OnModuleInit } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import type { Propagation, TransactionHost } from '@nestjs-cls/transactional';
import type { DataSource, EntityManager } from 'typeorm';

type Library = typeof import('@nestjs-cls/transactional');

/** What we use of the app's TransactionHost, whose adapter is TypeORM's. */
interface Host {
  readonly tx: EntityManager;
  isTransactionActive(): boolean;
  withTransaction<R>(propagation: Propagation, work: () => Promise<R>): Promise<R>;
}

/** The transaction that `@Transactional()` of @nestjs-cls/transactional has open around the caller, where the app uses it. */
export class AmbientTransaction implements OnModuleInit {
  private host: Host | undefined;

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

  /**
   * Finds the host in the app's own container, now that all providers are made. The library also has a static registry,
   * but that knows only the last app that was started in the process.
   */
  onModuleInit(): void {
    if (!this.library) return;
    try {
      this.host = this.moduleRef.get<TransactionHost, Host>(this.library.TransactionHost, { strict: false });
    } catch {
      this.host = undefined; // the app does not register ClsPluginTransactional
    }
  }

  get manager(): EntityManager | undefined {
    return this.host?.isTransactionActive() ? this.host.tx : undefined;
  }

  /** Runs `work` in a transaction of its own, which is the ambient one too where the app's host is for our DataSource. */
  run<R>(work: (tx: EntityManager) => Promise<R>): Promise<R> {
    const { host, library } = this;
    if (!host || !library || host.tx.dataSource !== this.dataSource) return this.dataSource.transaction(work);
    return host.withTransaction(library.Propagation.RequiresNew, () => work(host.tx));
  }
}
