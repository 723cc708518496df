// Asks the GraphQL service at the address that comes first by graphql-request, and twice by Apollo's client with persisted
// queries; prints what each got, and the methods that Apollo's requests had, as JSON.
import apolloCore from '@apollo/client/core/core.cjs';
import apolloPersisted from '@apollo/client/link/persisted-queries/persisted-queries.cjs';
import { createHash } from 'node:crypto';
import { GraphQLClient, gql } from 'graphql-request';

const { ApolloClient, HttpLink, InMemoryCache, gql: apolloQuery } = apolloCore;
const { createPersistedQueryLink } = apolloPersisted;
const [url] = process.argv.slice(2);
const text = `query Now($lat: Float!, $lon: Float!) {
  weather(lat: $lat, lon: $lon) { timezone current { temperature2m weatherCode } }
}`;
const variables = { lat: 40.7128, lon: -74.006 };
const headers = { 'x-client-id': 'node' };

const plain = await new GraphQLClient(url, { headers }).request(gql`${text}`, variables);
let refused;
try {
  await new GraphQLClient(url, { headers }).request(gql`{ weather(lat: 91, lon: 0) { stale } }`);
} catch (error) {
  refused = error.response.errors[0].extensions.code;
}

const methods = [];
const watched = (address, options) => {
  methods.push(options.method ?? 'GET');
  return fetch(address, options);
};
const sha256 = (query) => createHash('sha256').update(query).digest('hex');
const apollo = new ApolloClient({
  cache: new InMemoryCache(),
  link: createPersistedQueryLink({ sha256, useGETForHashedQueries: true }).concat(new HttpLink({ uri: url, fetch: watched, headers })),
});
const query = apolloQuery(text);
const first = await apollo.query({ query, variables, fetchPolicy: 'network-only' });
const second = await apollo.query({ query, variables, fetchPolicy: 'network-only' });
console.log(JSON.stringify({ plain, refused, methods, first: first.data, second: second.data }));
