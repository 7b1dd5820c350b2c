"""pgbench in each of its protocols."""

from steps import check, main, psql, run


def pgbench(url):
    run("pgbench", "-i", "-q", "-s", "1", url)
    for mode in ("simple", "extended", "prepared"):
        told = run("pgbench", "-n", "-c", "4", "-t", "10", "-M", mode, url)
        check("number of failed transactions: 0 " in told, told)
    told = run("pgbench", "-n", "-c", "2", "-t", "5", "-C", url)  # a connection for each transaction
    check("number of failed transactions: 0 " in told, told)
    check(psql(url, "SELECT count(*) FROM pgbench_history") == "130", "transactions are missing")


main(pgbench)
