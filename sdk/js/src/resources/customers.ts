import type { List } from '../list.js'
import { path, Resource } from '../resource.js'
import type { RequestOptions, WriteOptions } from '../transport.js'
import type { Answer, Body, Query } from '../types.js'

/** Customers, which are found by email or created when a ticket is created. */
export class Customers extends Resource {
  list(query: Query<'listCustomers'> = {}, options?: RequestOptions): List<Answer<'listCustomers'>> {
    return this.api.list('/customers', query, options)
  }

  /** A customer with their repairs, newest first. */
  async get(id: string, options?: RequestOptions): Promise<Answer<'getCustomer'>> {
    return this.api.get(path`/customers/${id}`, { options })
  }

  async update(
    id: string,
    change: Body<'updateCustomer'>,
    options?: WriteOptions,
  ): Promise<Answer<'updateCustomer'>> {
    return this.api.patch(path`/customers/${id}`, change, options)
  }

  /** Erases the personal data of a customer whose tickets have all ended; tickets and figures stay. */
  async erase(id: string, options?: WriteOptions): Promise<Answer<'eraseCustomer'>> {
    return this.api.delete(path`/customers/${id}`, options)
  }

  /** Merges another customer into this one; the other no longer exists afterwards. */
  async merge(
    id: string,
    other: Body<'mergeCustomers'>,
    options?: WriteOptions,
  ): Promise<Answer<'mergeCustomers'>> {
    return this.api.post(path`/customers/${id}/merge`, other, options)
  }
}
