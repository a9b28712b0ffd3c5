import { me } from "./user";

export const metadata = { title: "Dashboard" };

export default async function Dashboard() {
  const user = await me();
  return (
    <div className="account">
      <div className="me">
        <svg className="avatar" viewBox="0 0 80 96" aria-hidden="true">
          <path d="M0 96V40a40 40 0 0 1 80 0v56z" />
          <text x="40" y="60" textAnchor="middle">
            {[...user.name.trim()][0]?.toUpperCase()}
          </text>
        </svg>
        <div>
          <h1>
            <bdi>{user.name}</bdi>
          </h1>
          <p className="handle">
            <bdi>{user.username}</bdi>
          </p>
        </div>
      </div>
      <section className="card" aria-labelledby="account">
        <h2 id="account">Your account</h2>
        <dl className="facts">
          <div>
            <dt>E-mail</dt>
            <dd>
              <bdi>{user.email}</bdi>
            </dd>
          </div>
          <div>
            <dt>Member number</dt>
            <dd>{user.id}</dd>
          </div>
        </dl>
        <p className="actions">
          <a className="button second" href="/dashboard/export" download>
            Download my data
          </a>
        </p>
      </section>
    </div>
  );
}
