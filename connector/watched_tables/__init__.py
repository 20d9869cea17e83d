"""What has to be read of a table so that its rows can be decided; it reads nothing itself."""
