/** A list of the API: one page when it is awaited, all of its items or pages when it is iterated over. */

export interface Pagination {
  offset: number
  limit: number
  total: number
  next_offset: number | null
  has_more: boolean
  next_cursor?: string | null
}

export interface Page<T, P extends Pagination = Pagination> {
  data: T[]
  pagination: P
}

/** The type of the items in a page's `data`. */
export type Item<P extends Page<unknown>> = Awaited<P['data'][number]>

/** Where a page begins. */
export interface Position {
  offset?: number | undefined
  cursor?: string | undefined
}

/**
 *     const page = await client.tickets.list({ status: 'IN_REPAIR' })             // one request
 *     for await (const ticket of client.tickets.list()) { … }                     // as many as needed
 *     for await (const page of client.tickets.list({ limit: 500 }).pages()) { … }
 *
 * No request is sent before the list is awaited or iterated over; the first page is requested once.
 */
export class List<P extends Page<unknown>> implements Promise<P>, AsyncIterable<Item<P>> {
  readonly [Symbol.toStringTag] = 'List'
  readonly #fetchPage: (position: Position) => Promise<P>
  #first: Promise<P> | undefined

  constructor(fetchPage: (position: Position) => Promise<P>) {
    this.#fetchPage = fetchPage
  }

  then<A = P, B = never>(
    onPage?: ((page: P) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#firstPage().then(onPage, onError)
  }

  catch<B = never>(onError?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<P | B> {
    return this.#firstPage().catch(onError)
  }

  finally(onEnd?: (() => void) | null): Promise<P> {
    return this.#firstPage().finally(onEnd)
  }

  /** All items of all pages from here on. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item<P>, void, undefined> {
    for await (const page of this.pages()) yield* page.data as Item<P>[]
  }

  /** All pages from here on. */
  async *pages(): AsyncGenerator<P, void, undefined> {
    let page = await this.#firstPage()
    for (;;) {
      yield page
      const next = nextPosition(page.pagination)
      if (next === null) return
      page = await this.#fetchPage(next)
    }
  }

  #firstPage(): Promise<P> {
    return (this.#first ??= this.#fetchPage({}))
  }
}

/** A cursor is stable while rows are inserted; an offset would return some of them twice. */
function nextPosition({ offset, next_offset, next_cursor }: Pagination): Position | null {
  if (typeof next_cursor === 'string') return { cursor: next_cursor }
  if (typeof next_offset === 'number' && next_offset > offset) return { offset: next_offset }
  return null
}
