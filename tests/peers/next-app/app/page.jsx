export default function Page() {
  return <p>Nobody comes here: every path is rewritten.</p>;
}
