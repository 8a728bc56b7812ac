import type { List } from '../list.js'
import { path, Resource } from '../resource.js'
import type { RequestOptions, WriteOptions } from '../transport.js'
import type { Answer, Body, Query } from '../types.js'

/** The people of the organization. */
export class Users extends Resource {
  list(query: Query<'listUsers'> = {}, options?: RequestOptions): List<Answer<'listUsers'>> {
    return this.api.list('/users', query, options)
  }

  async get(id: string, options?: RequestOptions): Promise<Answer<'getUser'>> {
    return this.api.get(path`/users/${id}`, { options })
  }

  async create(user: Body<'createUser'>, options?: WriteOptions): Promise<Answer<'createUser'>> {
    return this.api.post('/users', user, options)
  }

  async update(
    id: string,
    change: Body<'updateUser'>,
    options?: WriteOptions,
  ): Promise<Answer<'updateUser'>> {
    return this.api.patch(path`/users/${id}`, change, options)
  }
}
